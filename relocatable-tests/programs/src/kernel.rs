//! The kernel's types: only what is read of them, in an order that no kernel has.

use ebpf_relocatable::{Bits, btf_relocatable};

#[btf_relocatable]
pub struct task_struct {
    pub mm: *const mm_struct,
    pub comm: [u8; 16],
    pub tgid: i32,
    pub sched_reset_on_fork: Bits<u32, 1>,
    pub start_boottime: u64,
    pub real_parent: *const task_struct,
    pub pid: i32,
    pub se: sched_entity,
    pub __state: u32,
    pub no_such_member: u64,
}

/// As Linux had it before 5.14.
#[btf_relocatable]
pub struct task_struct___before_5_14 {
    pub state: i64,
}

#[btf_relocatable]
pub struct sched_entity {
    pub sum_exec_runtime: u64,
    pub on_rq: Bits<u32, 32>,
}

#[btf_relocatable]
pub struct mm_struct {
    pub exe_file: *const file,
    pub arg_start: u64,
}

#[btf_relocatable]
pub struct file {
    pub f_inode: *const inode,
    pub f_path: path,
}

#[btf_relocatable]
pub struct path {
    pub dentry: *const dentry,
}

#[btf_relocatable]
pub struct dentry {
    pub d_name: qstr,
}

#[btf_relocatable]
pub struct qstr {
    pub name: *const u8,
}

#[btf_relocatable]
pub struct inode {
    pub i_ino: u64,
    pub i_mode: u16,
}

#[btf_relocatable]
pub enum pid_type {
    PIDTYPE_TGID = 77,
    NO_SUCH_VALUE,
}

#[btf_relocatable]
pub struct no_such_type {
    pub member: i32,
}
