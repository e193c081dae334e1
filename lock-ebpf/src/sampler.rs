//! Which waits are sampled: each with a chance of 2^-shift that depends only on what was
//! known before, so that a sampled wait stands for 2^shift of its like and sums stay
//! unbiased. The longer a wait, the likelier: the chance doubles with its length, and from
//! 2^exponent nanoseconds on it is certain.
//!
//! The exponent follows the load, on each CPU by itself, so that about `SAMPLES_PER_WINDOW`
//! are taken: on a quiet machine every wait is. That bounds what sampling costs, whatever
//! happens.

use aya_ebpf::{Global, btf_maps::PerCpuArray, helpers::bpf_get_prandom_u32, macros::btf_map};
use lock_common::Sampler;

/// Not zero: every wait is sampled.
#[unsafe(no_mangle)]
static EXACT: Global<u32> = Global::new(0);

/// How many samples of waits for kernel locks a CPU shall take in a window. Set by the loader.
#[unsafe(no_mangle)]
static SAMPLES_PER_WINDOW: Global<u32> = Global::new(16);

/// Which program samples -> its state on this CPU.
#[btf_map]
static SAMPLERS: PerCpuArray<Sampler, 4> = PerCpuArray::new();

/// Length of a window: 2^27 ns, 134 ms.
const WINDOW_NS: u64 = 1 << 27;
/// 2^40 ns are 18 minutes.
const MAX_EXPONENT: u64 = 40;
/// The chance of a wait whose length is only guessed is not below 2^-6: a wrong guess must
/// not let one sample stand for too much.
const MAX_GUESSED_SHIFT: u64 = 6;
/// That of a wait for a user lock is not below 2^-8: with longer ones beside them, so few of the
/// short ones would be sampled that nothing tells how many there are by thread or caller.
const MAX_WOKEN_SHIFT: u64 = 8;

/// How many times as many samples are taken of waits for user locks. These are fewer, and
/// vary more: a part of each is the wait for a CPU.
const USER_SAMPLES: u64 = 8;

/// Who samples.
#[derive(Clone, Copy)]
#[repr(u32)]
pub enum Who {
    /// The end of waits for kernel locks.
    KernelEnd = 0,
    /// The begin of waits for user locks, whose length is guessed.
    UserBegin = 1,
    /// The wake-up of threads that waited for a user lock.
    UserWake = 3,
    /// Releases of contended kernel locks.
    Release = 2,
}

/// Whether every wait is sampled.
#[inline(always)] // The verifier knows the answer.
pub fn exact() -> bool {
    EXACT.load() != 0
}

/// Draws. The shift if the wait is to be sampled.
#[inline(always)] // Once in each program that samples.
pub fn draw(who: Who, wait_ns: u64, now_ns: u64) -> Option<u32> {
    if exact() {
        return Some(0);
    }
    let sampler = SAMPLERS.get_ptr_mut(who as u32)?;
    // SAFETY: a live value of this CPU; each program has its own, and the kernel does not
    // enter a program again on the same CPU.
    let sampler = unsafe { &mut *sampler };
    let kernel = u64::from(SAMPLES_PER_WINDOW.load());
    let wanted = match who {
        Who::KernelEnd | Who::Release => kernel,
        Who::UserBegin | Who::UserWake => kernel * USER_SAMPLES,
    };
    if now_ns.wrapping_sub(sampler.window_ns) > WINDOW_NS {
        if sampler.taken < wanted / 2 && sampler.exponent > 0 {
            sampler.exponent -= 1;
        } else if sampler.taken > wanted && sampler.exponent < MAX_EXPONENT {
            sampler.exponent += 1;
        }
        sampler.window_ns = now_ns;
        sampler.taken = 0;
    }
    let length = u64::from((wait_ns | 1).ilog2());
    let mut shift = sampler.exponent.saturating_sub(length);
    let most = match who {
        Who::UserBegin => Some(MAX_GUESSED_SHIFT),
        Who::UserWake => Some(MAX_WOKEN_SHIFT),
        Who::KernelEnd | Who::Release => None,
    };
    if let Some(most) = most
        && shift > most
    {
        shift = most;
    }
    let shift = (shift & 63) as u32;
    if shift > 0 {
        if sampler.random == 0 {
            // SAFETY: the helper has no preconditions.
            sampler.random = u64::from(unsafe { bpf_get_prandom_u32() }) << 1 | 1;
        }
        // Knuth's linear congruential generator, MMIX: its upper bits are the good ones, and it
        // takes less time than to call the helper.
        sampler.random = sampler
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        if sampler.random >> (64 - shift) != 0 {
            return None;
        }
    }
    sampler.taken += 1;
    // Four times too many, and the window not over: at once to where this wait is less
    // likely, and likewise with each further time.
    if sampler.taken >= 4 * wanted && sampler.exponent < MAX_EXPONENT {
        sampler.exponent = sampler.exponent.max(length) + 1;
        sampler.taken = 3 * wanted;
    }
    Some(shift)
}
