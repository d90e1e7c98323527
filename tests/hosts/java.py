#!/usr/bin/env python3
"""A JVM: javac compiles a program, java runs it under several collectors, from classes and from a jar."""
import hashlib

from common import main, version_of

SOURCE = r"""
import java.io.*; import java.util.*; import java.util.concurrent.*; import java.util.zip.*;
public class Main {
	static int recurse(int i) { return recurse(i + 1) + 1; }
	public static void main(String[] a) throws Exception {
		int rounds = Integer.parseInt(a[0]);
		ExecutorService ex = Executors.newFixedThreadPool(8);
		List<Future<Long>> results = new ArrayList<>();
		for (int t = 0; t < 32; t++) {
			final int k = t;
			results.add(ex.submit(() -> {
				Map<Integer, String> m = new HashMap<>();
				long s = 0;
				for (int i = 0; i < rounds; i++) { m.put(i, "v" + (i * k)); s += m.get(i).hashCode(); }
				ByteArrayOutputStream b = new ByteArrayOutputStream();
				try (GZIPOutputStream g = new GZIPOutputStream(b)) { for (String v : m.values()) g.write(v.getBytes()); }
				return s + b.size();
			}));
		}
		long s = 0;
		for (Future<Long> f : results) s += f.get();
		System.out.println(s);
		System.out.println(java.nio.ByteBuffer.allocateDirect(32 << 20).capacity());
		for (int i = 0; i < 5; i++) {
			Process p = new ProcessBuilder("/bin/sh", "-c", "echo child; exit " + i).start();
			System.out.println(new String(p.getInputStream().readAllBytes()).trim() + p.waitFor());
		}
		try { recurse(0); } catch (StackOverflowError e) { System.out.println("stack overflow"); }
		try { Object o = a.length > 5 ? "" : null; o.toString(); } catch (NullPointerException e) { System.out.println("null"); }
		ex.shutdown();
		System.exit(7);
	}
}
"""
OPTIONS = ["-XX:+UseG1GC", "-XX:+UseSerialGC", "-XX:+UseParallelGC", "-XX:+UseZGC", "-XX:+UseLargePages",
           "-XX:+UseTransparentHugePages", "-Xint"]


def work(trial):
    trial.write("Main.java", SOURCE)
    trial.run("javac", "Main.java")
    with open(trial.path("Main.class"), "rb") as f:
        results = {"class": hashlib.sha256(f.read()).hexdigest()[:16]}
    rounds = str(trial.amount(2000, 20000))
    for option in OPTIONS[:trial.amount(1, len(OPTIONS))]:
        results[option] = trial.run("java", option, "-Xmx512m", "Main", rounds, expect=7).stdout
    if trial.is_whole:
        trial.run("jar", "--create", "--file", "main.jar", "--main-class", "Main", "Main.class")
        results["jar"] = trial.run("java", "-jar", "main.jar", rounds, expect=7).stdout
    return results


if __name__ == "__main__":
    main(work, "JVM (javac, java)", lambda: version_of("java", "-version"),
         "the class file; output and exit code under G1, Serial, Parallel, Z, large pages, -Xint",
         note="Java objects are not malloc's: native memory only, as `seep info` says")
