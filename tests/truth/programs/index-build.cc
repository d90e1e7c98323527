/*
 * An index is built in growing vectors and hash tables at the start, then only looked up.
 * verdict: warm-up
 * honest: yes
 * function: Index::insert
 */
#include "known.h"

#include <unordered_map>
#include <vector>

struct Posting {
	uint64_t document, position, weight;
};

class Index {
public:
	NOINLINE void insert(uint64_t word, const Posting &posting)
	{
		postings[word].push_back(posting);
	}
	NOINLINE size_t lookup(uint64_t word)
	{
		std::vector<Posting> answer = postings[word];
		return answer.size();
	}

private:
	std::unordered_map<uint64_t, std::vector<Posting>> postings;
};

int main(int argc, char **argv)
{
	known_start(argc, argv);
	double build_s = known_seconds * known_range(0.1, 0.35), per_s = known_range(1e6, 2e6) / build_s;
	double nr_words = known_range(500, 50000);
	Index index;
	struct known_pace pace = { 0 };
	size_t total = 0;

	while (!known_is_over()) {
		double until = known_elapsed() < build_s ? known_elapsed() : build_s;

		for (long due = known_due(&pace, until * per_s); due > 0; due--)
			index.insert((uint64_t)(known_random() * nr_words), Posting{ 1, 2, 3 });
		for (int i = 0; i < 50 && known_elapsed() > build_s; i++)
			total += index.lookup((uint64_t)(known_random() * nr_words));
	}
	known_end();
	return (int)total;
}
