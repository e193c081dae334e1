//! Runs `count_raw_tracepoint` in the kernel, without attaching it.

use ebpf_test::Input;

use crate::{Tested, loaded};
use project_name::{count, raw_tracepoint::PROGRAM};

#[test]
fn an_event_is_counted() -> Tested {
    let mut ebpf = loaded()?;
    let run = ebpf_test::run(&mut ebpf, PROGRAM.name, &Input::arguments(&[]))?;
    assert_eq!(run.return_value, 0);
    assert_eq!(count(&ebpf, &PROGRAM)?, 1);
    Ok(())
}
