//! The members of kernel types that the program reads.

use ebpf_relocatable::btf_relocatable;

#[btf_relocatable]
pub struct task_struct {
    pub tgid: i32,
    pub real_parent: *const task_struct,
    pub comm: [u8; 16],
    pub mm: *const mm_struct,
}

#[btf_relocatable]
pub struct mm_struct {
    pub arg_start: u64,
    pub arg_end: u64,
    pub exe_file: *const file,
}

#[btf_relocatable]
pub struct file {
    pub f_inode: *const inode,
    pub f_path: path,
}

#[btf_relocatable]
pub struct inode {
    pub i_ino: u64,
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
