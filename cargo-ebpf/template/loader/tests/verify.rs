//! Has the kernel verify `count_program_type`. No kernel can run it for a test.

use crate::{Tested, loaded};
use project_name::program_type::PROGRAM;

#[test]
fn the_kernel_accepts_it() -> Tested {
    ebpf_test::require_kernel(0, 0);
    let mut ebpf = loaded()?;
    ebpf_test::verify(&mut ebpf, PROGRAM.name, |program| {
        (PROGRAM.load)(program, PROGRAM.target)
    })?;
    Ok(())
}
