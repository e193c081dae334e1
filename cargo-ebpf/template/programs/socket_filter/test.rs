//! Runs `count_socket_filter` in the kernel, without attaching it.

use ebpf_test::Input;

use crate::{Tested, loaded, packet::packet};
use project_name::{count, socket_filter::PROGRAM};

/// The length of an Ethernet header, which a test run removes.
const ETHERNET: u32 = 14;

#[test]
fn a_packet_is_kept_and_counted() -> Tested {
    let mut ebpf = loaded()?;
    let run = ebpf_test::run(&mut ebpf, PROGRAM.name, &Input::packet(&packet()))?;
    assert_eq!(run.return_value, packet().len() as u32 - ETHERNET);
    assert_eq!(count(&ebpf, &PROGRAM)?, 1);
    Ok(())
}
