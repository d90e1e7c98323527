/*
 * A server in balance: eight threads, blocks of many sizes that live between microseconds and a second.
 * verdict: steady
 * honest: yes
 * function: -
 */
#include "known.h"

#include <thread>
#include <vector>

static NOINLINE char *build_reply(size_t size)
{
	return (char *)known_filled(new char[size], size);
}

static void serve(uint64_t seed, double per_s)
{
	std::vector<char *> window(200, nullptr);
	struct known_pace pace = { 0 };
	uint64_t at = seed;

	while (!known_is_over())
		for (long due = known_due(&pace, known_elapsed() * per_s); due > 0; due--, at++) {
			size_t slot = at * 2654435761u % window.size();
			delete[] window[slot];
			window[slot] = build_reply(100 + at * 40503u % 20000);
		}
}

int main(int argc, char **argv)
{
	known_start(argc, argv);
	double per_s = known_range(100, 800);
	std::vector<std::thread> threads;

	for (uint64_t i = 0; i < 8; i++)
		threads.emplace_back(serve, i * 1000, per_s);
	for (auto &thread : threads)
		thread.join();
	known_end();
}
