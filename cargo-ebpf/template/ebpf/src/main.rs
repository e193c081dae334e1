//! The eBPF programs of `project-name`.
#![no_std]
#![no_main]

// modules

use aya_ebpf::btf_maps::PerCpuArray;

/// A count per CPU, so that no two CPUs write to the same number.
pub type Count = PerCpuArray<u64, 1>;

/// Adds one to `count`.
pub fn add_one(count: &Count) {
    if let Some(count) = count.get_ptr_mut(0) {
        // SAFETY: the value belongs to this CPU, and is valid until the program ends.
        unsafe { *count += 1 };
    }
}

/// Never called: `cargo ebpf build` rejects an object with code that panics.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Many helpers of the kernel are for GPL-compatible programs only.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
