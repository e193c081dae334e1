//! How much memory the kernel takes for the maps, computed before they are made.
//!
//! The sizes are those of Linux 6.4 and later, which tells them in `/proc/PID/fdinfo`
//! (`map_mem_usage` in its `kernel/bpf/{hashtab,arraymap,ringbuf}.c`), x86-64.

use std::fs;

use lock_common::{
    CALL_SETS, CallSet, EventWithStack, FAST_PORTIONS, FastSets, FilterKey, KernelStack,
    MAX_PROCESSES, Modes, PROCESSES, RawStack, Release, Sampler, Spins, ThreadIds, ThreadSet,
    Totals, TotalsKey, WAYS,
};

use crate::probe::plan::Limits;

/// What the kernel keeps a map as, and how many bytes it takes for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One value for all CPUs.
    Array,
    /// A value for each CPU that there could be.
    PerCpuArray,
    /// As the two above, with keys of any kind.
    Hash,
    /// A value for each CPU that there could be.
    PerCpuHash,
    /// The oldest makes place.
    LruHash,
    /// Bytes.
    Ring,
}

/// A map as `lock-ebpf` has it, with the size that a recording gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// What it is kept as.
    pub(crate) kind: Kind,
    /// Size of a key, in bytes.
    pub(crate) key: u64,
    /// Size of a value, in bytes.
    pub(crate) value: u64,
    /// How many there can be; of a ring, its size in bytes.
    pub(crate) entries: u64,
}

/// `struct htab_elem`, `struct bucket`, and what there is once for a hash table.
const HASH_ENTRY: u64 = 48;
const BUCKET: u64 = 16;
const HASH: u64 = 896;
/// `struct bpf_array`.
const ARRAY: u64 = 312;
/// A page; what a ring has of them besides its data; the pointers to each page of data,
/// which is mapped twice; `struct bpf_ringbuf_map`.
const PAGE: u64 = 4096;
const RING_PAGES: u64 = 3;
const POINTER: u64 = 8;
const RING: u64 = 304;

impl Table {
    /// How many bytes the kernel takes for it where there can be so many CPUs.
    pub(crate) fn bytes(&self, cpus: u64) -> u64 {
        let key = self.key.next_multiple_of(8);
        let value = self.value.next_multiple_of(8);
        let buckets = self.entries.next_power_of_two().saturating_mul(BUCKET);
        let all = |each: u64| self.entries.saturating_mul(each);
        match self.kind {
            Kind::Array => all(value).saturating_add(ARRAY),
            Kind::PerCpuArray => {
                all(value.saturating_mul(cpus).saturating_add(POINTER)).saturating_add(ARRAY)
            }
            // One spare entry for each CPU.
            Kind::Hash => self
                .entries
                .saturating_add(cpus)
                .saturating_mul(HASH_ENTRY + key + value)
                .saturating_add(buckets)
                .saturating_add(HASH + cpus.saturating_mul(POINTER)),
            Kind::LruHash => all(HASH_ENTRY + key + value)
                .saturating_add(buckets)
                .saturating_add(HASH),
            Kind::PerCpuHash => {
                all((HASH_ENTRY + key + POINTER).saturating_add(value.saturating_mul(cpus)))
                    .saturating_add(buckets)
                    .saturating_add(HASH)
            }
            Kind::Ring => {
                let pages = self.entries / PAGE;
                self.entries
                    .saturating_add(RING_PAGES * PAGE)
                    .saturating_add((RING_PAGES + 2 * pages) * POINTER)
                    .saturating_add(RING)
            }
        }
    }
}

fn table<K, V>(name: &'static str, kind: Kind, entries: u64) -> Table {
    Table {
        name,
        kind,
        key: size_of::<K>() as u64,
        value: size_of::<V>() as u64,
        entries,
    }
}

impl Limits {
    /// All maps, those that the limits bound first.
    pub(crate) fn tables(self) -> Vec<Table> {
        let threads = u64::from(self.threads);
        let ring = Table {
            name: "EVENTS",
            kind: Kind::Ring,
            key: 0,
            value: 0,
            entries: self.buffer.into(),
        };
        vec![
            ring,
            table::<TotalsKey, Totals>("LOCK_TOTALS", Kind::PerCpuHash, self.locks.into()),
            table::<u32, ThreadIds>("TIDS", Kind::Array, threads / WAYS as u64),
            table::<u32, ThreadSet>("THREADS", Kind::Array, threads / WAYS as u64),
            table::<u32, u32>("SLOTS", Kind::Hash, threads),
            table::<u64, KernelStack>("STACKS", Kind::Hash, self.stacks.into()),
            // Those of one size.
            table::<u32, CallSet>("FRAME_STEPS", Kind::Array, CALL_SETS as u64),
            // As large as this where processes are filtered by, else of one element.
            table::<u32, Modes>(
                "PROCESS_MODES",
                Kind::Array,
                (MAX_PROCESSES / PROCESSES) as u64,
            ),
            table::<u32, FastSets>("FAST_TOTALS", Kind::PerCpuArray, FAST_PORTIONS as u64),
            table::<TotalsKey, Totals>("OTHER_TOTALS", Kind::PerCpuHash, 4096),
            table::<u64, Release>("RELEASES", Kind::LruHash, 8192),
            table::<u64, u32>("SENT", Kind::LruHash, 8192),
            table::<FilterKey, u32>("FILTER_VALUES", Kind::Hash, 1024),
            table::<u32, EventWithStack>("EVENT_SCRATCH", Kind::PerCpuArray, 4),
            table::<u32, RawStack>("RAW_SCRATCH", Kind::PerCpuArray, 3),
            table::<u32, Spins>("CPU_SPINS", Kind::PerCpuArray, 1),
            table::<u32, Sampler>("SAMPLERS", Kind::PerCpuArray, 4),
            table::<u32, u64>("COUNTS", Kind::PerCpuArray, lock_common::COUNTERS as u64),
        ]
    }

    /// How much memory the kernel takes for all of them, in bytes, where there can be so many
    /// CPUs.
    pub(crate) fn memory(self, cpus: u64) -> u64 {
        self.tables()
            .iter()
            .fold(0, |sum, table| sum.saturating_add(table.bytes(cpus)))
    }
}

/// How much memory the kernel says that the maps of this process take, in bytes. None where
/// it does not say.
pub(crate) fn reported_by_kernel() -> Option<u64> {
    let descriptors = fs::read_dir("/proc/self/fdinfo").ok()?;
    let sizes = descriptors.flatten().filter_map(|entry| {
        let info = fs::read_to_string(entry.path()).ok()?;
        let field = |name| info.lines().find_map(|line| line.strip_prefix(name));
        field("map_type:")?;
        field("memlock:")?.trim().parse::<u64>().ok()
    });
    Some(sizes.fold(0, u64::saturating_add))
}

#[cfg(test)]
mod tests {
    use aya_obj::generated::bpf_map_type::*;

    use super::{Kind, Table};
    use crate::probe::{object, plan::Limits};

    fn size(limits: Limits, name: &str, cpus: u64) -> u64 {
        let tables = limits.tables();
        let table = tables.iter().find(|table| table.name == name);
        table.map_or(0, |table| table.bytes(cpus))
    }

    #[test]
    fn sizes_are_those_that_linux_tells() {
        // `memlock` in /proc/PID/fdinfo of Linux 6.18 with 2 CPUs.
        for (name, expected) in [
            ("EVENTS", 16_855_368),
            ("LOCK_TOTALS", 3_539_840),
            ("FAST_TOTALS", 655_928),
            ("THREADS", 5_112_120),
            ("SLOTS", 1_311_760),
            ("STACKS", 3_737_344),
            ("PROCESS_MODES", 4_194_616),
            ("OTHER_TOTALS", 885_632),
            ("RELEASES", 721_792),
            ("FILTER_VALUES", 99_376),
        ] {
            assert_eq!(size(Limits::default(), name, 2), expected, "{name}");
        }
    }

    #[test]
    fn memory_is_bounded_by_the_limits() {
        let limits = Limits::default();
        let two = limits.memory(2);
        assert!((30 << 20..40 << 20).contains(&two), "{two}");
        let fewer = Limits {
            locks: 64,
            stacks: 64,
            ..limits
        };
        assert!(fewer.memory(2) < two);
        assert!(limits.memory(128) > two);
    }

    /// Fails on a map of the programs that the list above lacks or has with another size, and on
    /// one that the programs lack.
    #[test]
    fn the_tables_are_those_of_the_object() {
        let Ok(data) = object::embedded() else {
            panic!("built without the eBPF object");
        };
        let object = aya_obj::Object::parse(data).expect("an object");
        let tables = Limits::default().tables();
        let mut names: Vec<&str> = object
            .maps
            .keys()
            .map(String::as_str)
            .filter(|name| !name.starts_with('.'))
            .collect();
        names.sort_unstable();
        let mut listed: Vec<&str> = tables.iter().map(|table| table.name).collect();
        listed.sort_unstable();
        assert_eq!(names, listed);
        for Table {
            name,
            kind,
            key,
            value,
            entries,
        } in tables
        {
            let map = &object.maps[name];
            let of = match kind {
                Kind::Array => BPF_MAP_TYPE_ARRAY,
                Kind::PerCpuArray => BPF_MAP_TYPE_PERCPU_ARRAY,
                Kind::Hash => BPF_MAP_TYPE_HASH,
                Kind::PerCpuHash => BPF_MAP_TYPE_PERCPU_HASH,
                Kind::LruHash => BPF_MAP_TYPE_LRU_HASH,
                Kind::Ring => BPF_MAP_TYPE_RINGBUF,
            };
            assert_eq!(map.map_type(), of as u32, "{name}");
            if kind != Kind::Ring {
                assert_eq!(u64::from(map.key_size()), key, "{name}");
                assert_eq!(u64::from(map.value_size()), value, "{name}");
            }
            // That of rows of locks is set by the loader.
            if name != "LOCK_TOTALS" {
                assert_eq!(u64::from(map.max_entries()), entries, "{name}");
            }
        }
    }
}
