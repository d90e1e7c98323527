/*
 * The biggest holders are honest (a table and a bounded cache); a small place leaks.
 * verdict: leak
 * function: Metrics::label
 */
#include "known.h"

#include <string>
#include <unordered_map>
#include <vector>

class Metrics {
public:
	NOINLINE void label(uint64_t request)
	{
		counters["http_requests_total{id=\"" + std::to_string(request) + "\"}" + std::string(400, ' ')]++;
	}

private:
	std::unordered_map<std::string, uint64_t> counters;
};

class Cache {
public:
	explicit Cache(size_t capacity) : slots(capacity)
	{
	}
	NOINLINE void put(uint64_t key, size_t size)
	{
		slots[key % slots.size()].assign(size, 'c');
		slots[key % slots.size()].shrink_to_fit();
	}

private:
	std::vector<std::string> slots;
};

static NOINLINE char *load_table(size_t size)
{
	return (char *)known_filled(malloc(size), size);
}

int main(int argc, char **argv)
{
	known_start(argc, argv);
	double per_s = known_range(2500, 6000);
	char *table = load_table(known_size(40e6, 120e6));
	Metrics metrics;
	Cache cache(known_size(3000, 8000));
	struct known_pace pace = { 0 };
	uint64_t request = 0;

	while (!known_is_over())
		for (long due = known_due(&pace, known_elapsed() * per_s); due > 0; due--, request++) {
			metrics.label(request);
			if (request % 2)
				cache.put((uint64_t)(known_random() * 1e9), 8000);
		}
	table[0] = 0;
	known_end();
}
