//! Runs `count_flow_dissector` in the kernel, without attaching it.

use ebpf_test::Input;

use crate::{Tested, loaded, packet::packet};
use project_name::{count, flow_dissector::PROGRAM};

/// BPF_FLOW_DISSECTOR_CONTINUE in include/uapi/linux/bpf.h.
const CONTINUE: u32 = 129;

#[test]
fn a_packet_is_counted() -> Tested {
    let mut ebpf = loaded()?;
    let run = ebpf_test::run(&mut ebpf, PROGRAM.name, &Input::packet(&packet()))?;
    assert_eq!(run.return_value, CONTINUE);
    assert_eq!(count(&ebpf, &PROGRAM)?, 1);
    Ok(())
}
