#!/usr/bin/env python3
"""rustc compiles a program; Rust programs with global allocators of their own run.

The allocators: none (the system's), one that counts and passes on to the system's, one that carves blocks from its own
mappings, jemalloc and mimalloc by their C names, and a program that links jemalloc's prefixed archive.
"""
import hashlib
import os

from common import Absent, Wrong, find, main, version_of

PROGRAM = r"""
use std::collections::{BTreeMap, HashMap};
use std::sync::{mpsc, Arc, Mutex};
fn work(seed: u64, rounds: u64) -> u64 {
    let mut m: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut x = seed;
    for i in 0..rounds {
        x = x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        m.entry(format!("key {}", x % 997)).or_default().push(i);
        if i % 5 == 0 { m.pop_first_key(); }
    }
    m.iter().map(|(k, v)| k.len() as u64 * v.iter().sum::<u64>() % 1000003).sum()
}
trait PopFirst { fn pop_first_key(&mut self); }
impl PopFirst for BTreeMap<String, Vec<u64>> {
    fn pop_first_key(&mut self) { if let Some(k) = self.keys().next().cloned() { self.remove(&k); } }
}
fn main() {
    let rounds: u64 = std::env::args().nth(1).unwrap().parse().unwrap();
    let all = Arc::new(Mutex::new(HashMap::new()));
    let threads: Vec<_> = (0..8).map(|i| { let all = all.clone(); std::thread::spawn(move || {
        let r = work(i, rounds); all.lock().unwrap().insert(i, r); }) }).collect();
    for t in threads { t.join().unwrap(); }
    let (send, receive) = mpsc::channel::<Vec<u8>>();
    let t = std::thread::spawn(move || receive.iter().map(|v| v.len()).sum::<usize>());
    for i in 0..1000 { send.send(vec![1; i * 7]).unwrap(); }
    drop(send);
    let mut sums: Vec<_> = all.lock().unwrap().iter().map(|(k, v)| (*k, *v)).collect();
    sums.sort();
    println!("{:?} {}", sums, t.join().unwrap());
    let r = std::panic::catch_unwind(|| { let v: Vec<u64> = Vec::with_capacity(100); v[std::env::args().count() + 5] });
    println!("{}", r.is_err());
    let mut big: Vec<u8> = Vec::new();
    for i in 0..3_000_000u32 { big.push(i as u8); }
    println!("{}", big.iter().map(|b| *b as u64).sum::<u64>());
    std::process::exit(11);
}
"""

COUNTING = r"""
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
struct A; static LIVE: AtomicUsize = AtomicUsize::new(0);
unsafe impl GlobalAlloc for A {
    unsafe fn alloc(&self, l: Layout) -> *mut u8 { LIVE.fetch_add(l.size(), Relaxed); System.alloc(l) }
    unsafe fn dealloc(&self, p: *mut u8, l: Layout) { LIVE.fetch_sub(l.size(), Relaxed); System.dealloc(p, l) }
    unsafe fn realloc(&self, p: *mut u8, l: Layout, n: usize) -> *mut u8 { LIVE.fetch_add(n.wrapping_sub(l.size()), Relaxed); System.realloc(p, l, n) }
}
#[global_allocator] static GLOBAL: A = A;
"""
# Bump blocks from mappings: nothing is malloc's.
BUMP = r"""
use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
extern "C" { fn mmap(a: *mut u8, n: usize, p: i32, f: i32, d: i32, o: i64) -> *mut u8; }
struct A; static AT: AtomicUsize = AtomicUsize::new(0); static END: AtomicUsize = AtomicUsize::new(0);
static LOCK: AtomicUsize = AtomicUsize::new(0);
unsafe impl GlobalAlloc for A {
    unsafe fn alloc(&self, l: Layout) -> *mut u8 {
        while LOCK.swap(1, SeqCst) == 1 { std::hint::spin_loop(); }
        let mut at = (AT.load(SeqCst) + l.align() - 1) & !(l.align() - 1);
        if at == 0 || at + l.size() > END.load(SeqCst) {
            let n = (l.size() + (32 << 20)) & !4095;
            at = mmap(std::ptr::null_mut(), n, 3, 0x22, -1, 0) as usize;
            END.store(at + n, SeqCst);
        }
        AT.store(at + l.size(), SeqCst);
        LOCK.store(0, SeqCst);
        at as *mut u8
    }
    unsafe fn dealloc(&self, _p: *mut u8, _l: Layout) {}
}
#[global_allocator] static GLOBAL: A = A;
"""


def by_c_names(aligned, free):
    return r"""
use std::alloc::{GlobalAlloc, Layout};
extern "C" { fn ALIGNED(a: usize, n: usize) -> *mut u8; fn FREE(p: *mut u8); }
struct A;
unsafe impl GlobalAlloc for A {
    unsafe fn alloc(&self, l: Layout) -> *mut u8 { ALIGNED(l.align().max(16), (l.size().max(1) + 15) & !15) }
    unsafe fn dealloc(&self, p: *mut u8, _l: Layout) { FREE(p) }
}
#[global_allocator] static GLOBAL: A = A;
""".replace("ALIGNED", aligned).replace("FREE", free)


LIBRARIES = "/usr/lib/" + os.uname().machine + "-linux-gnu/"
VARIANTS = {
    "system": ("", []),
    "counting": (COUNTING, []),
    "bump": (BUMP, []),
    "jemalloc, shared": (by_c_names("aligned_alloc", "free"), [LIBRARIES + "libjemalloc.so.2"]),
    "jemalloc, static": (by_c_names("aligned_alloc", "free"), [LIBRARIES + "libjemalloc_pic.a"]),
    "mimalloc, shared": (by_c_names("mi_aligned_alloc", "mi_free"), [LIBRARIES + "libmimalloc.so.2"]),
}


def rustc():
    path = "/usr/bin/rustc"  # not one of rustup's, which starts others
    if not os.path.exists(path):
        raise Absent("rustc is not installed (scripts/setup.sh hosts)")
    return path


def work(trial):
    rounds, results = str(trial.amount(3000, 60000)), {}
    flags = trial.amount(["-Copt-level=0", "-Ccodegen-units=1"], ["-O", "-Ccodegen-units=1"])
    for i, name in enumerate(trial.amount(["counting"], list(VARIANTS))):
        text, link = VARIANTS[name]
        if any(not os.path.exists(path) for path in link):
            raise Wrong(f"{link} is not installed (scripts/setup.sh hosts)")
        trial.write("program.rs", text + PROGRAM)
        trial.run(rustc(), *flags, "program.rs", "-o", f"program{i}", *[f"-Clink-arg={path}" for path in link])
        with open(trial.path(f"program{i}"), "rb") as f:
            results[name + ", file"] = hashlib.sha256(f.read()).hexdigest()[:16]
        results[name] = trial.run(trial.path(f"program{i}"), rounds, expect=11).stdout
    return results


if __name__ == "__main__":
    main(work, "rustc and Rust programs", lambda: rustc() and version_of(rustc(), "--version"),
         "the executables; output and exit code of programs with global allocators of their own", size="128M",
         note="an allocator that is inside the executable or maps by itself is not seen, as `seep info` says")
