//! The types that `lock` and its eBPF programs share: layout, no behaviour.
#![no_std]
