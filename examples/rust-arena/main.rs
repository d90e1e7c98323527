//! A bump arena in Rust that reports its blocks.
//!
//!   rustc -g -o rust-arena main.rs
//!   seep run --exact -- ./rust-arena; seep top --by=heap

#[allow(dead_code)]
mod seep;

struct Bump {
    memory: Vec<u8>,
    used: usize,
    heap: seep::Arena,
}

impl Bump {
    fn new(bytes: usize) -> Bump {
        Bump { memory: vec![0; bytes], used: 0, heap: seep::Arena::new("bump") }
    }

    #[inline(always)]
    fn alloc(&mut self, size: usize) -> Option<*mut u8> {
        let start = (self.used + 15) & !15;
        if size > self.memory.len() || start > self.memory.len() - size {
            return None;
        }
        self.used = start + size;
        let block = self.memory[start..].as_mut_ptr();
        self.heap.alloc(block, size);
        Some(block)
    }

    fn reset(&mut self) {
        self.heap.clear();
        self.used = 0;
    }
}

#[inline(never)]
fn parse(bump: &mut Bump) -> usize {
    (0..100).filter(|_| bump.alloc(100).is_some()).count()
}

fn main() {
    let mut bump = Bump::new(1 << 20);
    parse(&mut bump);
    bump.reset();
    seep::mark("warmed up");
    let nr = parse(&mut bump);
    println!("{} blocks, recorded: {}", nr, if seep::period() != 0 { "yes" } else { "no" });
}
