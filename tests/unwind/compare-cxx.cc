// Exceptions, inlining, virtual calls, sorting with allocating comparisons, threads: compiled -O2 -fomit-frame-pointer.
#include <algorithm>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

struct node {
	virtual ~node() = default;
	virtual std::string text(int depth) const = 0;
};

struct leaf : node {
	std::string value;

	explicit leaf(std::string v) : value(std::move(v))
	{
	}
	std::string text(int depth) const override
	{
		if (depth % 7 == 3)
			throw std::runtime_error("leaf " + value + " at a depth of " + std::to_string(depth));
		return value + std::string(static_cast<size_t>(depth) + 20, '.');
	}
};

struct pair : node {
	std::unique_ptr<node> left, right;

	std::string text(int depth) const override
	{
		std::ostringstream out;

		try {
			out << left->text(depth + 1);
		} catch (const std::exception &e) {
			out << "[" << e.what() << "]";
		}
		out << right->text(depth + 2);
		return out.str();
	}
};

static std::unique_ptr<node> grow(int depth, int seed)
{
	if (depth == 0)
		return std::make_unique<leaf>("value number " + std::to_string(seed));
	auto p = std::make_unique<pair>();
	p->left = grow(depth - 1, seed * 2);
	p->right = grow(depth - 1, seed * 2 + 1);
	return p;
}

static int work(int seed)
{
	std::map<std::string, std::function<int(int)>> table;
	std::vector<std::string> words;
	int sum = 0;

	for (int i = 0; i < 300; i++)
		words.push_back("a word with some length " + std::to_string(i * seed % 997));
	std::sort(words.begin(), words.end(), [](std::string a, std::string b) { return a < b; });
	for (auto &w : words)
		table[w] = [w, seed](int x) { return static_cast<int>(w.size()) + x + seed; };
	for (auto &[name, f] : table)
		sum += f(sum % 11);
	for (int i = 0; i < 8; i++)
		try {
			sum += static_cast<int>(grow(7, seed + i)->text(i).size());
		} catch (const std::exception &e) {
			sum += e.what()[0];
		}
	std::regex pattern("(word|length)[a-z ]*([0-9]+)");
	for (int i = 0; i < 20; i++)
		sum += std::regex_search(words[static_cast<size_t>(i)], pattern);
	return sum;
}

int main(int argc, char **)
{
	std::vector<std::future<int>> others;
	int sum = work(argc);

	for (int i = 0; i < 4; i++)
		others.push_back(std::async(std::launch::async, work, i + 2));
	for (auto &o : others)
		sum += o.get();
	return sum == 0;
}
