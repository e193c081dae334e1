//! Runs `count_cgroup_skb` in the kernel, without attaching it.

use ebpf_test::Input;

use crate::{Tested, loaded, packet::packet};
use project_name::{cgroup_skb::PROGRAM, count};

#[test]
fn a_packet_passes_and_is_counted() -> Tested {
    let mut ebpf = loaded()?;
    let run = ebpf_test::run(&mut ebpf, PROGRAM.name, &Input::packet(&packet()))?;
    assert_eq!(run.return_value, 1);
    assert_eq!(count(&ebpf, &PROGRAM)?, 1);
    Ok(())
}
