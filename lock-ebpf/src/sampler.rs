//! Which waits are sampled: each with a chance of 2^-shift that depends only on what was
//! known before, so that a sampled wait stands for 2^shift of its like and sums stay
//! unbiased.
//!
//! Half of the samples are for the time that is waited: the chance doubles with a wait's length,
//! and from some length on it is certain. The other half is of any wait: the chance of none is
//! below a bound, so that their number is known as well, and no sample stands for too much where
//! a wait lasts longer than was expected of it.
//!
//! Both follow the load, on each CPU by itself, so that about `SAMPLES_PER_WINDOW` are taken: on
//! a quiet machine every wait is. That bounds what sampling costs, whatever happens.

use aya_ebpf::{Global, btf_maps::PerCpuArray, helpers::bpf_get_prandom_u32, macros::btf_map};
use lock_common::{Level, Sampler};

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

/// 2^31 ns are 2 seconds, the longest that [`expected_log`](lock_common::expected_log) tells.
const MAX_LEVEL: u64 = 31;

/// For how long a wait is taken of which nothing is known, as a logarithm: 2^24 ns, 17 ms. Longer
/// than most, but not than all: where threads come and go, the first wait of each must not be
/// sampled at any load.
pub const UNKNOWN: u64 = 24;

/// How many times as many samples are taken of waits for user locks. These are fewer, and
/// vary more: a part of each is the wait for a CPU.
const USER_SAMPLES: u64 = 8;

/// The program that samples, and which waits.
#[derive(Clone, Copy)]
#[repr(u32)]
pub enum SampleSource {
    /// The end of waits for kernel locks.
    KernelEnd = 0,
    /// The begin of waits for user locks, whose length is only expected.
    UserBegin = 1,
    /// Releases of contended kernel locks.
    Release = 2,
    /// The wake-up of threads that waited for a user lock.
    UserWake = 3,
}

/// Whether every wait is sampled.
#[inline(always)] // The verifier knows the answer.
pub fn exact() -> bool {
    EXACT.load() != 0
}

/// Draws for a wait with this logarithm, to base 2, of its length in nanoseconds. The shift if it
/// is to be sampled.
#[inline(always)]
pub fn draw(source: SampleSource, length: u64, now_ns: u64) -> Option<u32> {
    if exact() {
        return Some(0);
    }
    let sampler = SAMPLERS.get_ptr_mut(source as u32)?;
    // SAFETY: a live value of this CPU; each program has its own, and the kernel does not
    // enter a program again on the same CPU.
    let sampler = unsafe { &mut *sampler };
    let kernel = u64::from(SAMPLES_PER_WINDOW.load());
    let wanted = match source {
        SampleSource::KernelEnd | SampleSource::Release => kernel,
        SampleSource::UserBegin | SampleSource::UserWake => kernel * USER_SAMPLES,
    } / 2;
    if now_ns.wrapping_sub(sampler.window_ns) > WINDOW_NS {
        sampler.window_ns = now_ns;
        sampler.by_duration.next_window(wanted);
        sampler.uniform.next_window(wanted);
    }
    let by_duration = sampler.by_duration.level.saturating_sub(length);
    let (shift, level) = if by_duration < sampler.uniform.level {
        (by_duration, &mut sampler.by_duration)
    } else {
        (sampler.uniform.level, &mut sampler.uniform)
    };
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
    level.take(wanted);
    Some(shift)
}

/// How a level follows the load.
trait Follow {
    /// A window is over.
    fn next_window(&mut self, wanted: u64);
    /// A sample is taken.
    fn take(&mut self, wanted: u64);
}

impl Follow for Level {
    #[inline(always)] // Twice for each program that samples, on its rare path.
    fn next_window(&mut self, wanted: u64) {
        if self.taken * 2 < wanted && self.level > 0 {
            self.level -= 1;
        } else if self.taken > wanted && self.level < MAX_LEVEL {
            self.level += 1;
        }
        self.taken = 0;
    }

    #[inline(always)]
    fn take(&mut self, wanted: u64) {
        self.taken += 1;
        // Four times too many, and the window not over: half as likely at once, and likewise
        // with each further time.
        if self.taken >= 4 * wanted && self.level < MAX_LEVEL {
            self.level += 1;
            self.taken = 3 * wanted;
        }
    }
}
