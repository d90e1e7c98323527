#!/usr/bin/env python3
"""g++ compiles a header-heavy file with -O2 and links with link-time optimisation: the same code comes out."""
import hashlib

from common import main

SOURCE = r"""
#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>
#ifdef WHOLE
#include <chrono>
#include <functional>
#include <iostream>
#include <future>
#include <regex>
#include <ranges>
#include <set>
#endif
template <int N> struct Deep { using next = Deep<N - 1>; std::map<std::string, std::vector<int>> m;
	int run(int x) { m["k" + std::to_string(N)].push_back(x); return next().run(x + N) + (int)m.size(); } };
template <> struct Deep<0> { int run(int x) { return x; } };
int work(int seed)
{
	std::mt19937 random(seed);
	std::unordered_map<std::string, std::shared_ptr<std::vector<int>>> all;
	for (int i = 0; i < 1000; i++)
		all["n" + std::to_string(random() % 97)] = std::make_shared<std::vector<int>>(i % 50, i);
	int sum = 0;
	for (auto &entry : all)
		sum += std::accumulate(entry.second->begin(), entry.second->end(), 0);
#ifdef WHOLE
	std::regex r("n([0-9]+)");
	for (auto &entry : all) { std::smatch m; if (std::regex_match(entry.first, m, r)) sum += std::stoi(m[1]); }
	auto f = std::async(std::launch::async, [&] { return std::ranges::count_if(all, [](auto &e) { return e.second->size() > 9; }); });
	sum += (int)f.get();
#endif
	return sum + Deep<DEPTH>().run(seed);
}
"""
MAIN = "#include <cstdio>\nint work(int);\nint main() { std::printf(\"%d\\n\", work(42)); return 4; }\n"


def digest(trial, name):
    with open(trial.path(name), "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()[:16]


def work(trial):
    trial.write("work.cc", SOURCE)
    trial.write("main.cc", MAIN)
    flags = ["-std=c++20", "-O2", f"-DDEPTH={trial.amount(20, 200)}", "-frandom-seed=1", *(["-DWHOLE"] if trial.is_whole else [])]
    trial.run("g++", *flags, "-c", "work.cc", "-o", "work.o")
    results = {"object": digest(trial, "work.o")}
    if trial.is_whole:
        # The directory, another in each run, is in what -g adds.
        trial.run("g++", *flags, "-g", f"-fdebug-prefix-map={trial.dir}=.", "-c", "work.cc", "-o", "work-g.o")
        trial.run("g++", *flags, "-flto=2", "work.cc", "main.cc", "-o", "lto", "-pthread")
        results["with -g"] = digest(trial, "work-g.o")
        results["lto"] = trial.run(trial.path("lto"), expect=4).stdout
    trial.run("g++", *flags, "work.o", "main.cc", "-o", "program", "-pthread")
    results["program"] = trial.run(trial.path("program"), expect=4).stdout
    return results


if __name__ == "__main__":
    main(work, "g++", ("g++", "-dumpfullversion"), "the object files; the linked programs' output, LTO too", size="256M")
