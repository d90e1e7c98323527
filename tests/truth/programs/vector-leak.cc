/*
 * A journal in a std::vector that is only appended to: few large blocks, each copied into the next.
 * verdict: leak
 * function: Journal::append
 */
#include "known.h"

#include <vector>

struct Entry {
	double time;
	char text[56];
};

class Journal {
public:
	NOINLINE void append(const Entry &entry)
	{
		entries.push_back(entry);
	}

private:
	std::vector<Entry> entries;
};

int main(int argc, char **argv)
{
	known_start(argc, argv);
	double per_s = known_range(40e3, 200e3);
	Journal journal;
	struct known_pace pace = { 0 };

	while (!known_is_over()) {
		for (long due = known_due(&pace, known_elapsed() * per_s); due > 0; due--)
			journal.append(Entry{ known_elapsed(), "something happened" });
		serve_requests(5);
	}
	known_end();
}
