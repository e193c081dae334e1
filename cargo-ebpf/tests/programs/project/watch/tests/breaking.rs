//! What must not happen, and does all the same: only within a guest.

use std::{fs, path::Path, thread, time::Duration};

/// The machine of the user is not for this: a guest has a request in its root, and its first
/// process is the program beside it.
fn only_in_a_guest() {
    let is_init = fs::read_link("/proc/1/exe").is_ok_and(|program| program == Path::new("/init"));
    let guest = Path::new("/request").is_file() && is_init;
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
