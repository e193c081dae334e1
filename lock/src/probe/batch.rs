//! Reading a whole map with few system calls: tables are read every second, and one call for
//! each of some ten thousand rows would cost more than recording them.

use std::{io, os::fd::RawFd};

use aya_obj::generated::bpf_cmd;
use ebpf_base::syscall::bpf;
use lock_common::Plain;

use crate::{error::Error, probe::syscall};

/// How many rows are asked for at once, ...
const ROWS: usize = 4096;
/// ... and how many bytes of values, where that is less.
const BYTES: usize = 4 << 20;

/// `ENOENT`: there is nothing behind these rows.
const LAST: i32 = libc::ENOENT;
/// `ENOTSUPP` of the kernel's `include/linux/errno.h`: per-CPU arrays can be read that way
/// from Linux 5.13 on only.
const NOT_SUPPORTED: i32 = 524;
/// `ENOSPC`: a bucket of the hash table has more rows than there is room for.
const TOO_SMALL: i32 = libc::ENOSPC;

/// Calls a function with each key and the values of a map: one, or one for each possible CPU
/// of a per-CPU map.
pub(crate) fn for_each<K: Plain, V: Plain>(
    map: RawFd,
    values_per_key: usize,
    mut each: impl FnMut(&K, &[V]),
) -> io::Result<()> {
    let mut room = (BYTES / (size_of::<V>() * values_per_key).max(1)).clamp(1, ROWS);
    // Where the kernel goes on: opaque, no larger than the larger of a key and 4 bytes.
    let mut cursor = vec![0_u8; size_of::<K>().max(8)];
    let mut started = false;
    loop {
        let mut keys = vec![zero::<K>(); room];
        let mut values = vec![zero::<V>(); room * values_per_key];
        let mut attr = syscall::zeroed();
        attr.batch.in_batch = if started {
            cursor.as_ptr().expose_provenance() as u64
        } else {
            0
        };
        attr.batch.out_batch = cursor.as_mut_ptr().expose_provenance() as u64;
        attr.batch.keys = keys.as_mut_ptr().expose_provenance() as u64;
        attr.batch.values = values.as_mut_ptr().expose_provenance() as u64;
        attr.batch.count = room as u32;
        attr.batch.map_fd = map.cast_unsigned();
        // SAFETY: the kernel writes at most `count` keys and as many values (of all possible
        // CPUs in a per-CPU map, as the caller says), and a cursor of at most a key's size.
        let result = unsafe { bpf(bpf_cmd::BPF_MAP_LOOKUP_BATCH as u32, &mut attr) };
        let last = match result {
            Ok(_) => false,
            Err(error) if error.raw_os_error() == Some(LAST) => true,
            Err(error) if error.raw_os_error() == Some(TOO_SMALL) => {
                room *= 2;
                continue;
            }
            Err(error) if !started && error.raw_os_error() == Some(NOT_SUPPORTED) => {
                return one_by_one(map, values_per_key, each);
            }
            Err(error) => return Err(error),
        };
        // SAFETY: of the union, this is what the call was about.
        let count = unsafe { attr.batch.count } as usize;
        for (key, values) in keys.iter().take(count).zip(values.chunks(values_per_key)) {
            each(key, values);
        }
        if last {
            return Ok(());
        }
        started = true;
    }
}

/// The same with two system calls a key, for a map that is not to be had otherwise.
fn one_by_one<K: Plain, V: Plain>(
    map: RawFd,
    values_per_key: usize,
    mut each: impl FnMut(&K, &[V]),
) -> io::Result<()> {
    let mut key: Option<K> = None;
    loop {
        let mut next = zero::<K>();
        let mut attr = syscall::zeroed();
        attr.__bindgen_anon_2.map_fd = map.cast_unsigned();
        attr.__bindgen_anon_2.key = key.as_ref().map_or(0, address_of);
        attr.__bindgen_anon_2.__bindgen_anon_1.next_key =
            (&raw mut next).expose_provenance() as u64;
        // SAFETY: the kernel reads a key, if there is one, and writes one.
        match unsafe { bpf(bpf_cmd::BPF_MAP_GET_NEXT_KEY as u32, &mut attr) } {
            Ok(_) => {}
            Err(error) if error.raw_os_error() == Some(LAST) => return Ok(()),
            Err(error) => return Err(error),
        }
        let mut values = vec![zero::<V>(); values_per_key];
        let mut attr = syscall::zeroed();
        attr.__bindgen_anon_2.map_fd = map.cast_unsigned();
        attr.__bindgen_anon_2.key = address_of(&next);
        attr.__bindgen_anon_2.__bindgen_anon_1.value =
            values.as_mut_ptr().expose_provenance() as u64;
        // SAFETY: the kernel reads a key, and writes the values of all possible CPUs in a
        // per-CPU map, as the caller says, else one.
        match unsafe { bpf(bpf_cmd::BPF_MAP_LOOKUP_ELEM as u32, &mut attr) } {
            Ok(_) => each(&next, &values),
            // It went in between.
            Err(error) if error.raw_os_error() == Some(LAST) => {}
            Err(error) => return Err(error),
        }
        key = Some(next);
    }
}

fn address_of<T>(value: &T) -> u64 {
    std::ptr::from_ref(value).expose_provenance() as u64
}

fn zero<T: Plain>() -> T {
    // SAFETY: Plain: every bit pattern is a value.
    unsafe { std::mem::zeroed() }
}

/// A map could not be read.
pub(crate) fn unreadable(name: &str, error: &io::Error) -> Error {
    Error::new(
        "unreadable-map",
        format!("the BPF map {name} could not be read"),
    )
    .because_of(error)
    .fix("report this as a bug, with the output of `uname -a`")
}
