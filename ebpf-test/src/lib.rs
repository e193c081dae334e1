//! Unit tests of eBPF programs: a test loads the object, has the kernel run one program
//! on a packet that the test made (`BPF_PROG_TEST_RUN`), and looks at what it answered and
//! at what it left in the maps. Nothing is attached, no packet leaves.
//!
//! ```no_run
//! use ebpf_test::{Input, aya::maps::Array};
//! # const OBJECT: &[u8] = &[];
//!
//! #[test]
//! # fn attribute_of_the_function_below() {}
//! fn every_packet_is_counted() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut packet = Vec::new();
//!     etherparse::PacketBuilder::ethernet2([1; 6], [2; 6])
//!         .ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
//!         .udp(4000, 53)
//!         .write(&mut packet, b"question")?;
//!
//!     let mut ebpf = ebpf_test::load(OBJECT)?;
//!     let run = ebpf_test::run(&mut ebpf, "watch", &Input::packet(&packet))?;
//!
//!     assert_eq!(run.return_value, 2); // XDP_PASS
//!     let packets: Array<_, u64> = ebpf.map("PACKETS").ok_or("no map")?.try_into()?;
//!     assert_eq!(packets.get(&0, 0)?, 1);
//!     Ok(())
//! }
//! ```
//!
//! `cargo ebpf test` runs such tests on this machine's kernel, and with
//! `--kernel 5.10,6.1` in guests that boot other ones. A test that cannot run on a kernel
//! ends by [`skip`]: `cargo ebpf test` shows it as skipped, with the reason. Plain
//! `cargo test` knows no such thing and shows it as failed, never as passed.
//!
//! What has a test run is a matter of the program's type: see [`run`].

mod error;
mod kernel;
mod kind;
mod load;
mod run;
mod skip;

pub use aya;

pub use crate::{
    error::Error,
    kernel::{require_btf, require_kernel},
    load::{load, load_with},
    run::{Input, Output, run},
    skip::{SKIPS, skip},
};

/// A result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;
