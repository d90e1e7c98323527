#include "victims.h"

#include <algorithm>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

void victim_std_sort(leaf_fn *leaf)
{
	std::vector<std::string> v = { "pear", "apple", "fig", "plum" };

	std::stable_sort(v.begin(), v.end(), [leaf](const std::string &a, const std::string &b) {
		leaf();
		return a < b;
	});
}

void victim_std_function(leaf_fn *leaf)
{
	std::map<int, std::function<void(int)>> table;

	table[1] = [leaf](int) { leaf(); };
	std::for_each(table.begin(), table.end(), [](auto &row) { row.second(row.first); });
}

static void throw_one()
{
	throw std::runtime_error("thrown");
}

void victim_catch(leaf_fn *leaf)
{
	try {
		throw_one();
	} catch (const std::exception &) {
		leaf();
	}
	leaf();
}

struct calls_at_end {
	leaf_fn *leaf;

	~calls_at_end()
	{
		leaf();
	}
};

static void throw_beside(leaf_fn *leaf)
{
	calls_at_end guard{ leaf };

	throw_one();
}

void victim_destructor_during_throw(leaf_fn *leaf)
{
	try {
		throw_beside(leaf);
	} catch (...) {
	}
}
