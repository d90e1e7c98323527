/*
 * Connections come and go; each registers a callback that holds its state and is never unregistered.
 * verdict: leak
 * function: Bus::subscribe Connection::Connection
 */
#include "known.h"

#include <functional>
#include <memory>
#include <vector>

class Bus {
public:
	NOINLINE void subscribe(std::function<void(int)> callback)
	{
		callbacks.push_back(std::make_unique<std::function<void(int)>>(std::move(callback)));
	}

private:
	std::vector<std::unique_ptr<std::function<void(int)>>> callbacks;
};

struct View {
	char pixels[3000];
};

class Connection {
public:
	NOINLINE Connection(Bus &bus, size_t size) : buffer(new char[size]), size(size)
	{
		known_filled(buffer, size);
		auto view = View();
		known_filled(view.pixels, sizeof(view.pixels));
		bus.subscribe([view](int what) { (void)(view.pixels[0] + what); });
	}
	~Connection()
	{
		delete[] buffer;
	}

private:
	char *buffer;
	size_t size;
};

int main(int argc, char **argv)
{
	known_start(argc, argv);
	double per_s = known_range(700, 3000);
	Bus bus;
	struct known_pace pace = { 0 };

	while (!known_is_over()) {
		for (long due = known_due(&pace, known_elapsed() * per_s); due > 0; due--)
			Connection connection(bus, known_size(1000, 20000));
	}
	known_end();
}
