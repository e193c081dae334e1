//! The program `count_cgroup_device`.

use aya_ebpf::{
    macros::{btf_map, cgroup_device},
    programs::DeviceContext,
};

use crate::{Count, add_one};

/// Accesses.
#[btf_map]
static CGROUP_DEVICE_COUNT: Count = Count::new();

/// Runs when a process of the cgroup opens or creates a device. 1 permits it, 0 rejects it.
#[cgroup_device]
pub fn count_cgroup_device(_: DeviceContext) -> i32 {
    add_one(&CGROUP_DEVICE_COUNT);
    1
}
