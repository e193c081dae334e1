//! What depends on the architecture of the machine that the programs run on. The loader is
//! built for the same one only: see `lock/build.rs`.

mod x86_64;

pub use self::x86_64::{REGISTERS, Register, THREAD_SIZE, call, call_32, is_32_bit};
