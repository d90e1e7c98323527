/*
 * Containers that report to arenas, by an allocator and by std::pmr.
 *
 *   c++ -std=c++17 -o cpp-arena cpp-arena.cc
 *   seep run --exact -- ./cpp-arena; seep top --by=heap
 */
#include <cstdio>
#include <cstdlib>
#include <memory_resource>
#include <vector>

#include "seep.hpp"

/* Requests are built in a region that is dropped as a whole. */
static std::size_t handle(std::pmr::memory_resource *upstream)
{
	std::pmr::monotonic_buffer_resource region(4096, upstream);
	std::pmr::vector<int> numbers(&region);

	for (int i = 0; i < 1000; i++)
		numbers.push_back(i);
	return numbers.size();
}

int main()
{
	seep::memory_resource requests("requests");
	seep::arena cache("cache");
	std::vector<double, seep::allocator<double>> table(12345, 0.5, seep::allocator<double>(cache));
	std::size_t sum = handle(&requests);
	std::pmr::vector<char> kept(777, &requests);
	static char page[4096];
	{
		seep::scoped_arena scratch("scratch");

		for (int i = 0; i < 16; i++)
			scratch.alloc(page + 256 * i, 256);
	}
	std::printf("%zu numbers, %zu cached\n", sum, table.size());
	std::fflush(stdout);
	std::_Exit(kept.size() == 777 ? 0 : 1); /* with all of it live */
}
