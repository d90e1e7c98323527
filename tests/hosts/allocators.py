#!/usr/bin/env python3
"""Programs on jemalloc, tcmalloc and mimalloc: linked shared, linked statically, preloaded behind and before the recorder.

Behind the recorder the heap is seen; before it, or inside the executable, it is not, and `seep info` must say so.
"""
import os

from common import Wrong, find, main, version_of

SOURCE = r"""
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <memory>
#include <new>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>
struct alignas(128) Wide { char c[128]; };
static unsigned long work(int seed, int rounds)
{
	unsigned long sum = 0;
	std::vector<char *> kept;
	for (int i = 0; i < rounds; i++) {
		size_t size = 1 + (i * 7919ul + seed) % (i % 100 ? 2000 : 300000);
		char *p = i % 3 ? (char *)malloc(size) : (char *)calloc(1, size);
		memset(p, i, size);
		if (i % 5 == 0) p = (char *)realloc(p, size * 2);
		sum += (unsigned char)p[size - 1] + (malloc_usable_size(p) >= size);
		kept.push_back(p);
		if (i % 2) { std::swap(kept[i * 31ul % kept.size()], kept.back()); free(kept.back()); kept.pop_back(); }
		std::string s(size % 500, 'x'); sum += s.size();
		auto w = std::make_unique<Wide>(); sum += (unsigned long)w.get() % 128;
		void *q = nullptr; sum += posix_memalign(&q, 4096, size) + (unsigned long)q % 4096; free(q);
		delete[] new (std::nothrow) int[size % 90 + 1];
	}
	for (char *p : kept) free(p);
	return sum;
}
int main(int, char **argv)
{
	int rounds = atoi(argv[1]);
	std::vector<std::thread> threads;
	std::vector<unsigned long> sums(8);
	for (int i = 0; i < 8; i++) threads.emplace_back([&, i] { sums[i] = work(i, rounds); });
	for (auto &t : threads) t.join();
	unsigned long all = 0;
	for (auto s : sums) all = all * 31 + s;
	int status = 1;
	for (int i = 0; i < 20; i++) {
		pid_t child = fork();
		if (!child) _exit((int)(work(i, rounds / 10) % 50));
		waitpid(child, &status, 0); all += (unsigned long)status;
	}
	try { volatile size_t huge = (size_t)1 << 62; delete[] new char[huge]; } catch (std::bad_alloc &) { all++; }
	char *leak = (char *)malloc(5000000); memset(leak, 1, 5000000);
	printf("%lu %d\n", all, leak[77]);
	return 8;
}
"""

LIBRARIES = "/usr/lib/" + os.uname().machine + "-linux-gnu/"
KINDS = {
    "glibc": ("", ""),
    "jemalloc": ("libjemalloc.so.2", "libjemalloc.a"),
    "tcmalloc": ("libtcmalloc.so.4", "libtcmalloc.a"),
    "tcmalloc_minimal": ("libtcmalloc_minimal.so.4", "libtcmalloc_minimal.a"),
    "mimalloc": ("libmimalloc.so.2", ""),
}


def check_sight(trial, name, is_seen):
    """The last recording of the parent says what it cannot see, or holds the block that is left."""
    if not trial.is_recorded:
        return
    info = max((i for i in trial.infos() if i["exe"].endswith("/" + name)), key=lambda i: i["samples_made"])
    if is_seen and (not info["samples_made"] or info["inuse_bytes"] < 2e6):
        raise Wrong(f"{name}: 5 MB were left: {info['inuse_bytes']} bytes seen in {info['samples_made']} samples")
    if not is_seen and "nothing of its heap can be seen" not in info.get("cannot_see", ""):
        raise Wrong(f"{name}: nothing can be seen and seep info does not say so: {info.get('cannot_see')}")


def work(trial):
    source, results = trial.write("program.cc", SOURCE), {}
    rounds = str(trial.amount(800, 5000))
    built = trial.path("..", "built")
    os.makedirs(built, exist_ok=True)
    flags = ["-std=c++17", "-O2", "-w", source]
    for kind in trial.amount(["jemalloc"], list(KINDS)):
        shared, static = KINDS[kind]
        path = LIBRARIES + shared
        cases = []  # (name, extra link arguments, LD_PRELOAD before the recorder, and behind, is its heap seen)
        if not shared:
            cases.append(("glibc", [], "", "", True))
        else:
            if not os.path.exists(path):
                raise Wrong(f"{path} is not installed (scripts/setup.sh hosts)")
            cases.append((kind + "-shared", [path], "", "", True))
            cases.append((kind + "-behind", [], "", path, True))
            cases.append((kind + "-before", [], path, "", False))
        if static:
            cases.append((kind + "-static", [LIBRARIES + static, "-lunwind", "-llzma", "-lz"] if kind == "tcmalloc" else
                          [LIBRARIES + static], "", "", False))
        for name, link, before, behind, is_seen in cases:
            if not trial.is_recorded:  # once for all runs
                trial.run("g++", *flags, "-o", f"{built}/{name}", *link, "-pthread", "-ldl", "-lm")
            preload = " ".join(filter(None, (before, trial.library if trial.is_recorded else "", behind)))
            results[name] = trial.run(f"{built}/{name}", rounds, env={"LD_PRELOAD": preload}, expect=8).stdout
            check_sight(trial, name, is_seen)
    return results


if __name__ == "__main__":
    main(work, "jemalloc, tcmalloc, mimalloc", lambda: find("g++") and version_of("g++", "-dumpfullversion"),
         "output and exit code of threads and children: linked shared and statically, preloaded behind and before", size="64M",
         note="before the recorder or inside the executable nothing of the heap is seen, as `seep info` says")
