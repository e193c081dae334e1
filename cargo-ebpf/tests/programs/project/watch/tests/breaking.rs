//! What must not happen, and does all the same: only within a guest.

use std::{fs, path::Path, thread, time::Duration};

/// The machine of the user is not for this: a guest has a request in its root, and this
/// program's parent is the first process.
fn only_in_a_guest() {
    let guest = Path::new("/request").is_file() && std::os::unix::process::parent_id() == 1;
    if !guest {
        ebpf_test::skip("it breaks the machine that it runs on");
    }
}

#[test]
fn a_panics() {
    only_in_a_guest();
    fs::write("/proc/sys/kernel/sysrq", "1").expect("the guest's sysctl");
    fs::write("/proc/sysrq-trigger", "c").expect("the guest's sysrq");
}

#[test]
fn b_fails() {
    only_in_a_guest();
    println!("a word before");
    panic!("on purpose");
}

#[test]
fn c_hangs() {
    only_in_a_guest();
    thread::sleep(Duration::from_secs(3600));
}

#[test]
fn d_passes() {
    only_in_a_guest();
}
