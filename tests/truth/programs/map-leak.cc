/*
 * A server that keeps a session per request in a map and never erases one.
 * verdict: leak
 * function: SessionMap::add
 */
#include "known.h"

#include <map>
#include <string>

struct Session {
	std::string user;
	std::string data;
};

class SessionMap {
public:
	NOINLINE void add(uint64_t id, size_t size)
	{
		sessions[id] = Session{ "user" + std::to_string(id), std::string(size, 'x') };
	}

private:
	std::map<uint64_t, Session> sessions;
};

static NOINLINE void handle_login(SessionMap &map, uint64_t id, size_t size)
{
	map.add(id, size);
}

int main(int argc, char **argv)
{
	known_start(argc, argv);
	double bytes_per_s = known_range(3e6, 12e6), size = known_range(500, 8000);
	SessionMap map;
	struct known_pace pace = { 0 };

	for (uint64_t id = 0; !known_is_over();) {
		for (long due = known_due(&pace, known_elapsed() * bytes_per_s / size); due > 0; due--)
			handle_login(map, id++, known_size(size / 2, size * 2));
		serve_requests(5);
	}
	known_end();
}
