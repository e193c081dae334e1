//! Declarations of kernel types for `ebpf-relocatable`, from the BTF of kernels.

mod declaration;
mod kernel_types;
mod merge;
mod request;

pub(crate) use self::{
    declaration::{Declaration, Shape},
    kernel_types::declare,
    merge::merge,
    request::Request,
};
