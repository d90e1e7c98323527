#!/usr/bin/env python3
"""Go programs, with cgo and without: goroutines, calls into C and back, children, a program that ends by SIGKILL."""
import re

from common import main, version_of

CGO = r"""
package main

/*
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
extern int back(int);
static void *in_thread(void *p) { char *c = malloc(5000); memset(c, 1, 5000); long n = back((int)(long)p); free(c); return (void *)n; }
static int call(int n) {
	char *kept[200]; long sum = 0; pthread_t t; void *r;
	for (int i = 0; i < 200; i++) { kept[i] = malloc(1000 + i); memset(kept[i], i, 1000 + i); }
	for (int i = 0; i < 200; i++) { sum += kept[i][10]; kept[i] = realloc(kept[i], 3000); sum += kept[i][20]; free(kept[i]); }
	pthread_create(&t, 0, in_thread, (void *)(long)n); pthread_join(t, &r);
	return (int)(sum + (long)r + back(n));
}
*/
import "C"

//export back
func back(n C.int) C.int { s := make([]byte, 10000); s[n%10000] = 3; return C.int(s[n%10000]) + n }

func native(n int) int { p := C.CString("text"); defer C.free(unsafe.Pointer(p)); return int(C.call(C.int(n))) + int(C.strlen(p)) }
"""
PLAIN = "package main\n\nfunc native(n int) int { return n * 3 }\n"
MAIN = r"""
package main

import ("crypto/sha256"; "fmt"; "os"; "os/exec"; "runtime"; "sync"; "time")

func main() {
	var wait sync.WaitGroup
	sums := make([]int, 64)
	for g := range sums {
		wait.Add(1)
		go func(g int) {
			defer wait.Done()
			for i := 0; i < ROUNDS; i++ { b := make([]byte, 2000+i); h := sha256.Sum256(b); sums[g] += native(g+i) + int(h[0]) }
		}(g)
	}
	wait.Wait(); runtime.GC()
	total := 0
	for _, s := range sums { total += s }
	fmt.Println(total)
	for i := 0; i < 5; i++ {
		out, err := exec.Command("/bin/sh", "-c", fmt.Sprintf("echo child; exit %d", i)).Output()
		fmt.Print(string(out), err, "\n")
	}
	defer func() { fmt.Println(recover() != nil); time.Sleep(time.Millisecond); os.Exit(9) }()
	var p *int; *p = 1
}
"""


def work(trial):
    results = {}
    main_go = MAIN.replace("ROUNDS", str(trial.amount(20, 400)))
    for name, text, cgo in (("cgo", CGO.replace('import "C"', 'import "C"\nimport "unsafe"'), "1"), ("without cgo", PLAIN, "0")):
        directory = re.sub(r"\W", "-", name)
        trial.make_dir(directory)
        trial.write(directory + "/main.go", main_go)
        trial.write(directory + "/native.go", text)
        trial.write(directory + "/go.mod", "module example\n\ngo 1.18\n")
        env = {"CGO_ENABLED": cgo, "GOCACHE": trial.path("../cache"), "HOME": trial.dir, "GOFLAGS": "-buildvcs=false -trimpath",
               "GOTOOLCHAIN": "local"}
        if trial.is_whole:  # the compiler is a Go program, the assembler and linker of cgo are not
            env["GOCACHE"] = trial.path("cache")
        trial.run("go", "build", "-o", "program", recorded=trial.is_whole, env=env, cwd=trial.path(directory))
        results[name] = trial.run(trial.path(directory, "program"), expect=9).stdout
    return results


if __name__ == "__main__":
    main(work, "Go", lambda: version_of("go", "version"), "output and exit code with cgo and without; builds",
         note="Go's own heap is not malloc's, and a program without cgo loads nothing: said by `seep run` and `seep info`")
