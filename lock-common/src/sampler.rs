//! How likely waits are sampled.

shared! {
    /// How likely a CPU samples waits, and how many it did. See `sampler.rs` of `lock-ebpf`.
    pub struct Sampler {
        /// When the window began (CLOCK_MONOTONIC, nanoseconds).
        pub window_ns: u64,
        /// Where the row of random numbers stands; zero before it began.
        pub random: u64,
        /// Of those that are sampled for their length: from 2^level nanoseconds on all are.
        pub by_duration: Level,
        /// Of those that are sampled like any other, whatever their length: one in 2^level is.
        pub uniform: Level,
    }

    /// What follows the load, so that enough samples are taken and not too many.
    pub struct Level {
        /// The higher, the fewer.
        pub level: u64,
        /// Samples in this window.
        pub taken: u64,
    }
}
