//! The eBPF programs: the object, what it needs, its way into the kernel and out again.

pub(crate) mod attach;
pub(crate) mod batch;
pub(crate) mod kernel_types;
pub(crate) mod load;
pub(crate) mod memory;
pub(crate) mod object;
pub(crate) mod plan;
pub(crate) mod requirements;
pub(crate) mod statistics;
pub(crate) mod syscall;
mod timing_switch;
