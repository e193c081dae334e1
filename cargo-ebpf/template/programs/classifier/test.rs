//! Runs `count_classifier` in the kernel, without attaching it.

use ebpf_test::Input;

use crate::{Tested, loaded, packet::packet};
use project_name::{classifier::PROGRAM, count};

/// From include/uapi/linux/pkt_cls.h.
const TC_ACT_OK: u32 = 0;

#[test]
fn a_packet_passes_and_is_counted() -> Tested {
    let mut ebpf = loaded()?;
    let run = ebpf_test::run(&mut ebpf, PROGRAM.name, &Input::packet(&packet()))?;
    assert_eq!(run.return_value, TC_ACT_OK);
    assert_eq!(count(&ebpf, &PROGRAM)?, 1);
    Ok(())
}
