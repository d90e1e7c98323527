#!/usr/bin/env python3
"""Programs built with sanitizers, by gcc and clang, runtime shared and static; under `seep run`, below a script too.

Those of AddressSanitizer and ThreadSanitizer run unrecorded and one line says so, never AddressSanitizer's own "does not
come first".
"""
import os

from common import Absent, Wrong, find, main, version_of

SOURCE = r"""
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>
static void *work(void *seed)
{
	unsigned long sum = 0;
	for (int i = 1; i < 2000; i++) {
		unsigned char *p = malloc(i * 10);
		memset(p, i + (int)(long)seed, i * 10);
		p = realloc(p, i * 11);
		sum += p[i];
		free(p);
	}
	return (void *)sum;
}
int main(void)
{
	pthread_t t[4];
	unsigned long sum = 0;
	int status = 1;
	for (long i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, work, (void *)i);
	for (int i = 0; i < 4; i++) {
		void *result;
		pthread_join(t[i], &result);
		sum += (unsigned long)result;
	}
	char *kept = strdup("kept");
	pid_t child = fork();
	if (!child)
		_exit((int)(long)work(NULL) & 63);
	waitpid(child, &status, 0);
	printf("%lu %s %d\n", sum, kept, status);
	free(kept);
	return 3;
}
"""

# compiler, flags, what is said of it ("" nothing)
BUILDS = {
    "asan-gcc": ("gcc", ["-fsanitize=address"], "built with AddressSanitizer"),
    "asan-gcc-static": ("gcc", ["-fsanitize=address", "-static-libasan"], "AddressSanitizer"),
    "asan-clang": ("clang", ["-fsanitize=address"], "AddressSanitizer"),
    "tsan-gcc": ("gcc", ["-fsanitize=thread"], "built with ThreadSanitizer"),
    "tsan-clang": ("clang", ["-fsanitize=thread"], "allocator is inside"),
    "msan-clang": ("clang", ["-fsanitize=memory"], "allocator is inside"),
    "lsan-gcc": ("gcc", ["-fsanitize=leak"], ""),
    "ubsan-gcc": ("gcc", ["-fsanitize=undefined"], ""),
}


def check_words(name, said, done, is_direct):
    if "does not come first" in done.stderr:
        raise Wrong(f"{name}: AddressSanitizer itself complains: {done.stderr}")
    lines = [line for line in done.stderr.splitlines() if "Sanitizer" in line or "allocator is inside" in line]
    if is_direct and (len(lines) != bool(said) or not all(said in line for line in lines)):
        raise Wrong(f"{name}: one line with '{said}' was expected:\n{done.stderr}")
    if name in ("asan-gcc", "tsan-gcc") and len(lines) != 1:
        raise Wrong(f"{name}: one line was expected:\n{done.stderr}")


def work(trial):
    source = trial.write("program.c", SOURCE)
    script = trial.write("start.sh", '#!/bin/sh\n"$@"\nexit $?\n', 0o755)
    chosen = trial.amount(["asan-gcc", "tsan-gcc"], list(BUILDS))
    results, built = {}, trial.path("..", "built")
    os.makedirs(built, exist_ok=True)
    for name in chosen:
        compiler, flags, said = BUILDS[name]
        program = f"{built}/{name}"
        if not trial.is_recorded:  # once for all runs
            trial.run(compiler, "-g", "-w", *flags, source, "-o", program, "-pthread")
        for command in ([program], [script, program]):
            if trial.is_recorded:  # `seep run` sets LD_PRELOAD itself
                done = trial.run(trial.seep, "run", "--lib=" + trial.library, *command, env={"LD_PRELOAD": ""}, expect=None)
                check_words(name, said, done, len(command) == 1)
            else:
                done = trial.run(*command, expect=None)
            results[f"{name}, {len(command)} words"] = (done.returncode, done.stdout)
    return results


def version():
    if not os.path.exists("/usr/bin/clang"):
        raise Absent("clang is not installed (scripts/setup.sh hosts)")
    find("gcc")
    return f"gcc {version_of('gcc', '--version')}, clang {version_of('clang', '--version')}"


if __name__ == "__main__":
    main(work, "sanitizers", version, "output and exit code of threads and a child, directly and below a script",
         note="AddressSanitizer and ThreadSanitizer: unrecorded, as one line says; runtimes linked into the executable: no heap "
              "is seen, as `seep info` says")
