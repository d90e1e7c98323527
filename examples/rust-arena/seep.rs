//! The recorder's C API for Rust: include it as a module (`mod seep;`), nothing has to be linked.
//!
//! Without a recorder in the process every call is one load and one branch. The functions are looked up through the
//! global offset table by weak references, as seep.h does it.

use std::ffi::CString;
use std::os::raw::{c_char, c_void};

macro_rules! find {
    ($name:literal) => {{
        let address: usize;
        #[cfg(target_arch = "x86_64")]
        unsafe {
            std::arch::asm!(
                concat!(".weak ", $name),
                concat!("mov {}, qword ptr [rip + ", $name, "@GOTPCREL]"),
                out(reg) address,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        #[cfg(target_arch = "aarch64")]
        unsafe {
            std::arch::asm!(
                concat!(".weak ", $name),
                concat!("adrp {0}, :got:", $name),
                concat!("ldr {0}, [{0}, :got_lo12:", $name, "]"),
                out(reg) address,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        {
            address = 0;
        }
        address
    }};
}

macro_rules! call {
    ($name:literal, fn($($type:ty),*) $(-> $result:ty)?, $($argument:expr),*) => {{
        match find!($name) {
            0 => Default::default(),
            address => unsafe {
                std::mem::transmute::<usize, unsafe extern "C" fn($($type),*) $(-> $result)?>(address)($($argument),*)
            },
        }
    }};
}

/// A heap of the program's own; 0 where nothing can be recorded. The same one for the same name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arena(u32);

impl Arena {
    pub fn new(name: &str) -> Arena {
        let name = CString::new(name).unwrap_or_default();
        Arena(call!("seep_arena_new", fn(*const c_char) -> u32, name.as_ptr()))
    }

    #[inline(always)]
    pub fn alloc(self, block: *const u8, size: usize) {
        call!("seep_arena_alloc", fn(u32, *const c_void, usize), self.0, block.cast(), size)
    }

    #[inline(always)]
    pub fn realloc(self, old: *const u8, block: *const u8, size: usize) {
        call!("seep_arena_realloc", fn(u32, *const c_void, *const c_void, usize), self.0, old.cast(), block.cast(), size)
    }

    /// Before the block can be given out again.
    #[inline(always)]
    pub fn free(self, block: *const u8) {
        call!("seep_arena_free", fn(u32, *const c_void), self.0, block.cast())
    }

    /// All its blocks end; no other thread may report to it meanwhile.
    pub fn clear(self) {
        call!("seep_arena_clear", fn(u32), self.0)
    }
}

/// Names this moment. False where nothing is being recorded.
pub fn mark(name: &str) -> bool {
    let name = CString::new(name).unwrap_or_default();
    find!("seep_mark") != 0 && call!("seep_mark", fn(*const c_char) -> i32, name.as_ptr()) == 0
}

pub fn on() {
    call!("seep_on", fn(),)
}

pub fn off() {
    call!("seep_off", fn(),)
}

/// Mean bytes between two samples; 1: every allocation; 0: not recording.
pub fn period() -> u64 {
    call!("seep_period_get", fn() -> u64,)
}

pub fn set_period(bytes: u64) -> bool {
    find!("seep_period_set") != 0 && call!("seep_period_set", fn(u64) -> i32, bytes) == 0
}
