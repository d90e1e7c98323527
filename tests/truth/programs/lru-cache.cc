/*
 * A cache that evicts the least recently used beyond its bound; it fills in the first third of the run or sooner.
 * verdict: steady
 * honest: yes
 * function: Lru::put
 */
#include "known.h"

#include <list>
#include <string>
#include <unordered_map>

class Lru {
public:
	explicit Lru(size_t capacity) : capacity(capacity)
	{
	}
	NOINLINE void put(uint64_t key, size_t size)
	{
		auto found = index.find(key);

		if (found != index.end()) {
			order.splice(order.begin(), order, found->second);
			return;
		}
		order.emplace_front(key, std::string(size, 'v'));
		index[key] = order.begin();
		if (order.size() > capacity) {
			index.erase(order.back().first);
			order.pop_back();
		}
	}

private:
	size_t capacity;
	std::list<std::pair<uint64_t, std::string>> order;
	std::unordered_map<uint64_t, decltype(order)::iterator> index;
};

int main(int argc, char **argv)
{
	known_start(argc, argv);
	double per_s = known_range(3e3, 8e3), fill_s = known_seconds * known_range(0.1, 0.33),
	       size = known_range(1e3, 6e3);
	bool has_hot_keys = known_random() < 0.5;
	Lru cache((size_t)(per_s * fill_s));
	struct known_pace pace = { 0 };
	uint64_t next = 1000;

	while (!known_is_over()) {
		for (long due = known_due(&pace, known_elapsed() * per_s); due > 0; due--) {
			bool is_hot = has_hot_keys && known_random() < 0.3;
			cache.put(is_hot ? (uint64_t)(known_random() * 1000) : next++, (size_t)size);
		}
		serve_requests(5);
	}
	known_end();
}
