//! The limit that a map's definition breaks: the kernel only returns an error number.

use std::io;

use aya_obj::generated::bpf_map_type::{self, *};
use ebpf_object::link::Shape;

/// A limit on the definition of a map.
struct Limit {
    is_broken: fn(bpf_map_type, &Shape) -> bool,
    /// The limit.
    because: &'static str,
    /// What to declare instead.
    fix: &'static str,
}

/// `PCPU_MIN_UNIT_SIZE` of the kernel's linux/percpu.h.
const PER_CPU_VALUE: u32 = 32 << 10;
/// `MAX_BPF_STACK` of the kernel's linux/filter.h: a key must fit on the stack of a program.
const KEY: u32 = 512;
/// `LPM_KEY_SIZE_MIN` and `LPM_KEY_SIZE_MAX` of the kernel's bpf/lpm_trie.c.
const PREFIX_KEY: std::ops::RangeInclusive<u32> = 5..=260;
/// The default of the sysctl `kernel.perf_event_max_stack`, in addresses of 8 bytes.
const STACK_TRACE: u32 = 127 * 8;
/// `BPF_F_NO_PREALLOC` of the kernel's uapi/linux/bpf.h.
const NO_PREALLOC: u32 = 1;

/// From the functions `*_alloc_check` of the kernel's map types. The first one that is broken is
/// reported.
const LIMITS: &[Limit] = &[
    Limit {
        is_broken: |kind, shape| {
            matches!(
                kind,
                BPF_MAP_TYPE_PERCPU_ARRAY
                    | BPF_MAP_TYPE_PERCPU_HASH
                    | BPF_MAP_TYPE_LRU_PERCPU_HASH
                    | BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE_DEPRECATED
            ) && shape.value_size > PER_CPU_VALUE
        },
        because: "a value that exists once per CPU may have at most 32 KiB",
        fix: "declare several smaller values, as elements of one map, or use an `Array` with one \
              element per CPU, indexed by `bpf_get_smp_processor_id()`",
    },
    Limit {
        is_broken: |kind, shape| {
            matches!(kind, BPF_MAP_TYPE_ARRAY | BPF_MAP_TYPE_PERCPU_ARRAY) && shape.key_size != 4
        },
        because: "the key of an array is an index of 4 bytes",
        fix: "declare the key as `u32`, or use a `HashMap`",
    },
    Limit {
        is_broken: |kind, shape| {
            kind == BPF_MAP_TYPE_LPM_TRIE && !PREFIX_KEY.contains(&shape.key_size)
        },
        because: "the key of an LPM trie consists of a prefix length (4 bytes) and 1 to 256 bytes of data",
        fix: "use `Key<T>` of aya-ebpf with a `T` of at most 256 bytes",
    },
    Limit {
        is_broken: |kind, shape| kind == BPF_MAP_TYPE_LPM_TRIE && shape.flags & NO_PREALLOC == 0,
        because: "an LPM trie requires the flag BPF_F_NO_PREALLOC",
        fix: "add the flag to the definition: `LpmTrie::with_max_entries(1024, BPF_F_NO_PREALLOC)`",
    },
    Limit {
        is_broken: |kind, shape| {
            kind == BPF_MAP_TYPE_STACK_TRACE
                && (shape.value_size % 8 != 0 || shape.value_size > STACK_TRACE)
        },
        because: "the value of a stack trace map has 8 bytes per address, and at most \
                  `kernel.perf_event_max_stack` of them (127 by default)",
        fix: "declare at most 127 addresses per stack, or raise the sysctl",
    },
    Limit {
        is_broken: |kind, shape| {
            kind == BPF_MAP_TYPE_RINGBUF && !shape.max_entries.is_power_of_two()
        },
        because: "the size of a ring buffer must be a power of two and a multiple of the page size",
        fix: "declare a power of two of at least 4096",
    },
    // Last: newer kernels have no such limit, and then another one is the cause.
    Limit {
        is_broken: |_, shape| shape.key_size > KEY,
        because: "older kernels accept keys of at most 512 bytes, the size of a program's stack",
        fix: "use a hash of the key as the key, and keep the key itself in the value",
    },
];

/// Which limit the definition breaks, and what to declare instead, if that explains `error`.
pub(super) fn broken(shape: &Shape, error: &io::Error) -> Option<(&'static str, &'static str)> {
    /// What the kernel returns for a definition that it does not accept, on some version.
    const OF_DEFINITION: [i32; 3] = [libc::EINVAL, libc::E2BIG, libc::ENOMEM];
    let is_of_definition = error
        .raw_os_error()
        .is_some_and(|number| OF_DEFINITION.contains(&number));
    let kind = bpf_map_type::try_from(shape.map_type).ok()?;
    let limit = LIMITS.iter().find(|limit| (limit.is_broken)(kind, shape));
    limit
        .filter(|_| is_of_definition)
        .map(|limit| (limit.because, limit.fix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(kind: bpf_map_type, key: u32, value: u32, entries: u32, flags: u32) -> Shape {
        let mut shape = Shape::default();
        shape.map_type = kind as u32;
        (shape.key_size, shape.value_size) = (key, value);
        (shape.max_entries, shape.flags) = (entries, flags);
        shape
    }

    #[test]
    fn the_limit_that_a_definition_breaks_is_named() {
        let too_big = io::Error::from_raw_os_error(libc::E2BIG);
        for (shape, part) in [
            (shape(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 65536, 1, 0), "32 KiB"),
            (shape(BPF_MAP_TYPE_PERCPU_HASH, 4, 32769, 1, 0), "32 KiB"),
            (shape(BPF_MAP_TYPE_HASH, 513, 4, 1, 0), "512 bytes"),
            (shape(BPF_MAP_TYPE_ARRAY, 8, 4, 1, 0), "4 bytes"),
            (shape(BPF_MAP_TYPE_LPM_TRIE, 4, 4, 1, 1), "LPM trie"),
            (
                shape(BPF_MAP_TYPE_LPM_TRIE, 8, 4, 1, 0),
                "BPF_F_NO_PREALLOC",
            ),
            (shape(BPF_MAP_TYPE_STACK_TRACE, 4, 2048, 1, 0), "127"),
            (shape(BPF_MAP_TYPE_RINGBUF, 0, 0, 5000, 0), "power of two"),
        ] {
            let broken = broken(&shape, &too_big).map(|(because, _)| because);
            assert!(broken.is_some_and(|text| text.contains(part)), "{part}");
        }
    }

    #[test]
    fn other_errors_and_definitions_are_not_explained() {
        let denied = io::Error::from_raw_os_error(libc::EPERM);
        let large = shape(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 65536, 1, 0);
        assert_eq!(broken(&large, &denied), None);
        let invalid = io::Error::from_raw_os_error(libc::EINVAL);
        let fine = shape(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 32768, 1, 0);
        assert_eq!(broken(&fine, &invalid), None);
    }

    /// Each limit is one of this kernel, too, but for that of keys.
    #[test]
    fn this_kernel_has_these_limits() {
        for shape in [
            shape(BPF_MAP_TYPE_ARRAY, 8, 4, 1, 0),
            shape(BPF_MAP_TYPE_LPM_TRIE, 4, 4, 1, 1),
            shape(BPF_MAP_TYPE_LPM_TRIE, 8, 4, 1, 0),
            shape(BPF_MAP_TYPE_STACK_TRACE, 4, 4, 1, 0),
            shape(BPF_MAP_TYPE_RINGBUF, 0, 0, 5000, 0),
        ] {
            let Err(error) = super::super::syscall::map_create("limit", &shape, None, None) else {
                panic!("type {} was created", shape.map_type);
            };
            if error.raw_os_error() != Some(libc::EPERM) {
                assert!(broken(&shape, &error).is_some(), "{error}");
            }
        }
    }
}
