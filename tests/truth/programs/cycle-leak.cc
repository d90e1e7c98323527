/*
 * Parent and child of a document hold each other by shared_ptr: dropped documents are never freed.
 * verdict: leak
 * function: Document::parse
 */
#include "known.h"

#include <memory>
#include <string>
#include <vector>

struct Node {
	std::string text;
	std::shared_ptr<Node> parent;
	std::vector<std::shared_ptr<Node>> children;
};

class Document {
public:
	NOINLINE void parse(size_t size)
	{
		root = std::make_shared<Node>();
		for (int i = 0; i < 4; i++) {
			auto child = std::make_shared<Node>();
			child->text.assign(size, 't');
			child->parent = root;
			root->children.push_back(child);
		}
	}

private:
	std::shared_ptr<Node> root;
};

int main(int argc, char **argv)
{
	known_start(argc, argv);
	double bytes_per_s = known_range(3e6, 10e6), size = known_range(200, 3000);
	struct known_pace pace = { 0 };

	while (!known_is_over()) {
		for (long due = known_due(&pace, known_elapsed() * bytes_per_s / size / 4); due > 0; due--) {
			Document document;
			document.parse((size_t)size);
		}
		serve_requests(5);
	}
	known_end();
}
