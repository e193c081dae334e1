//! A test that fails, as the kernel rejects its program.

use ebpf_test::Input;
use watch::OBJECT;

#[test]
fn the_protocol_is_returned() -> ebpf_test::Result<()> {
    let mut ebpf = ebpf_test::load(OBJECT)?;
    let run = ebpf_test::run(&mut ebpf, "unchecked", &Input::packet(&[0; 60]))?;
    assert_eq!(run.return_value, 0);
    Ok(())
}
