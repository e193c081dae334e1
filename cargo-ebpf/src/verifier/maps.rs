//! Makes the maps of an object in the kernel, each as libbpf and Aya would, but
//! never pinned. A map that cannot be made only matters to the programs that use it.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    io,
    os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd, RawFd},
};

use aya_obj::{
    EbpfSectionKind, Map,
    generated::{
        BPF_LD, BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE, bpf_insn,
        bpf_map_type::{self, *},
    },
};
use ebpf_base::untrusted;
use ebpf_build::{Error, Finding};

use super::syscall::{self, MapTypes};
use crate::{code::Code, host::kernel};

/// The maps of one object.
#[derive(Debug, Default)]
pub(super) struct Maps(BTreeMap<String, Slot>);

#[derive(Debug)]
struct Slot {
    map: Map,
    /// The descriptor, or why there is none.
    state: Result<OwnedFd, Finding>,
    /// What was made up of its size, because the object leaves that to its loader.
    assumed: Option<Finding>,
    /// What stands in instructions for a map that could not be made: no descriptor
    /// is negative, so the instruction tells which map is meant.
    stand_in: RawFd,
}

impl Maps {
    /// Makes `maps`. `btf` is the object's BTF if the kernel took it.
    pub(super) fn create(
        maps: impl IntoIterator<Item = (String, Map)>,
        btf: Option<BorrowedFd<'_>>,
    ) -> Self {
        let sorted: BTreeMap<_, _> = maps.into_iter().collect();
        let slots = sorted
            .into_iter()
            .zip(2..)
            .map(|((name, mut map), number): (_, RawFd)| {
                let assumed = assume_size(&name, &mut map);
                let state =
                    create(&name, &mut map, btf).map_err(|error| refusal(&name, &map, &error));
                (
                    name,
                    Slot {
                        map,
                        state,
                        assumed,
                        stand_in: -number,
                    },
                )
            });
        Self(slots.collect())
    }

    /// Name, descriptor and definition of each, as aya-obj wants them.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = (&str, RawFd, &Map)> {
        self.0.iter().map(|(name, slot)| {
            let descriptor = slot
                .state
                .as_ref()
                .map_or(slot.stand_in, |map| map.as_raw_fd());
            (name.as_str(), descriptor, &slot.map)
        })
    }

    /// Why the maps that could not be made could not be made, and what was assumed of
    /// others.
    pub(super) fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.0.values().filter_map(|slot| match &slot.state {
            Err(refusal) => Some(refusal),
            Ok(_) => slot.assumed.as_ref(),
        })
    }

    /// Gives `code` arrays of programs of its own, which live as long as what is
    /// returned: the kernel ties one to the type of the first program that it loads
    /// with it, so that other types would be refused for what stood before them.
    pub(super) fn own_program_arrays(&self, code: &mut [bpf_insn]) -> io::Result<Vec<OwnedFd>> {
        let mut own: BTreeMap<RawFd, OwnedFd> = BTreeMap::new();
        for instruction in code {
            let Some(shared) = map_of(instruction) else {
                continue;
            };
            let array = self.0.iter().find(|(_, slot)| {
                slot.map.map_type() == BPF_MAP_TYPE_PROG_ARRAY as u32
                    && slot
                        .state
                        .as_ref()
                        .is_ok_and(|map| map.as_raw_fd() == shared)
            });
            let Some((name, slot)) = array else {
                continue;
            };
            let map = match own.entry(shared) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => {
                    entry.insert(syscall::map_create(name, &slot.map, None, None)?)
                }
            };
            instruction.imm = map.as_raw_fd();
        }
        Ok(own.into_values().collect())
    }

    /// Why a map that this code uses could not be made.
    pub(super) fn missing_in(&self, code: &[bpf_insn]) -> Option<&Finding> {
        code.iter().filter_map(map_of).find_map(|descriptor| {
            self.0
                .values()
                .find(|slot| slot.stand_in == descriptor)
                .and_then(|slot| slot.state.as_ref().err())
        })
    }
}

/// The descriptor in an instruction that loads a map's address.
fn map_of(instruction: &bpf_insn) -> Option<RawFd> {
    /// BPF_DW | BPF_IMM: a load of 64 bits that stand in the instruction.
    const LOAD_64_IMMEDIATE: u8 = BPF_LD as u8 | 0x18;
    let source = u32::from(instruction.src_reg());
    (instruction.code == LOAD_64_IMMEDIATE
        && (source == BPF_PSEUDO_MAP_FD || source == BPF_PSEUDO_MAP_VALUE))
        .then_some(instruction.imm)
}

fn create(name: &str, map: &mut Map, btf: Option<BorrowedFd<'_>>) -> io::Result<OwnedFd> {
    let kind = bpf_map_type::try_from(map.map_type()).ok();
    fit(map, kind);
    let inner = match map.inner() {
        Some(mut inner) => Some(create(name, &mut inner, btf)?),
        None => None,
    };
    let inner = inner.as_ref().map(|inner| inner.as_fd());
    let types = btf.and_then(|btf| types(map, kind, btf));
    let created = match syscall::map_create(name, map, inner, types) {
        // As libbpf does: the types only serve to print what is in the map.
        Err(_) if types.is_some() => syscall::map_create(name, map, inner, None),
        created => created,
    }?;
    fill(map, created.as_fd())?;
    Ok(created)
}

/// A map without a size is one that the object's own loader sizes. To try its programs
/// the smallest will do, as in veristat; it is said, as the kernel would refuse it.
fn assume_size(name: &str, map: &mut Map) -> Option<Finding> {
    let sized_by_the_kernel = matches!(
        bpf_map_type::try_from(map.map_type()).ok(),
        None | Some(
            BPF_MAP_TYPE_PERF_EVENT_ARRAY
                | BPF_MAP_TYPE_RINGBUF
                | BPF_MAP_TYPE_USER_RINGBUF
                | BPF_MAP_TYPE_CGROUP_STORAGE_DEPRECATED
                | BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE_DEPRECATED
                | BPF_MAP_TYPE_SK_STORAGE
                | BPF_MAP_TYPE_INODE_STORAGE
                | BPF_MAP_TYPE_TASK_STORAGE
                | BPF_MAP_TYPE_CGRP_STORAGE
                | BPF_MAP_TYPE_STRUCT_OPS
        )
    );
    if map.max_entries() != 0 || sized_by_the_kernel {
        return None;
    }
    map.set_max_entries(1);
    Some(
        Finding::warning(
            Code::MapSizeAssumed,
            format!(
                "the map `{}` has no size in the object; it was tried with one entry",
                untrusted::name(name)
            ),
        )
        .because(
            "the kernel refuses a map of no entries, so the object's loader has to set its size",
        )
        .fix("see that the loader does, or give the map a size in the object"),
    )
}

/// Sets sizes that depend on the machine, or that can only be one.
fn fit(map: &mut Map, kind: Option<bpf_map_type>) {
    match kind {
        Some(BPF_MAP_TYPE_PERF_EVENT_ARRAY) if map.max_entries() == 0 => {
            map.set_max_entries(kernel::possible_cpus());
        }
        Some(BPF_MAP_TYPE_RINGBUF | BPF_MAP_TYPE_USER_RINGBUF) => {
            map.set_max_entries(ring_size(map.max_entries(), kernel::page_size()));
            map.set_value_size(0);
        }
        Some(BPF_MAP_TYPE_STACK_TRACE) if map.value_size() == 0 => {
            map.set_value_size(LONGEST_STACK * 8);
        }
        _ => {}
    }
    // libbpf lets objects leave it out of maps of maps.
    if map.value_size() == 0 && kind.is_some_and(holds_descriptors) {
        map.set_value_size(DESCRIPTOR);
    }
}

/// Frames of a stack (PERF_MAX_STACK_DEPTH of include/uapi/linux/perf_event.h).
const LONGEST_STACK: u32 = 127;

/// Size of a descriptor, in bytes.
const DESCRIPTOR: u32 = 4;

fn holds_descriptors(kind: bpf_map_type) -> bool {
    matches!(
        kind,
        BPF_MAP_TYPE_PERF_EVENT_ARRAY
            | BPF_MAP_TYPE_PROG_ARRAY
            | BPF_MAP_TYPE_CGROUP_ARRAY
            | BPF_MAP_TYPE_ARRAY_OF_MAPS
            | BPF_MAP_TYPE_HASH_OF_MAPS
    )
}

/// Ring buffers are a power of two pages large. 0 stays, for the kernel to refuse.
fn ring_size(bytes: u32, page: u32) -> u32 {
    if bytes == 0 {
        return 0;
    }
    bytes
        .div_ceil(page)
        .checked_next_power_of_two()
        .and_then(|pages| pages.checked_mul(page))
        .unwrap_or(bytes)
}

/// The BTF types of a map's key and value, for the maps that may have them
/// (map_check_btf in kernel/bpf: those without `map_check_btf` refuse).
fn types<'fd>(
    map: &Map,
    kind: Option<bpf_map_type>,
    btf: BorrowedFd<'fd>,
) -> Option<MapTypes<'fd>> {
    let Map::Btf(definition) = map else {
        return None;
    };
    let (key, value) = (
        definition.def.btf_key_type_id,
        definition.def.btf_value_type_id,
    );
    match kind? {
        BPF_MAP_TYPE_PERF_EVENT_ARRAY
        | BPF_MAP_TYPE_CGROUP_ARRAY
        | BPF_MAP_TYPE_STACK_TRACE
        | BPF_MAP_TYPE_ARRAY_OF_MAPS
        | BPF_MAP_TYPE_HASH_OF_MAPS
        | BPF_MAP_TYPE_DEVMAP
        | BPF_MAP_TYPE_DEVMAP_HASH
        | BPF_MAP_TYPE_CPUMAP
        | BPF_MAP_TYPE_XSKMAP
        | BPF_MAP_TYPE_SOCKMAP
        | BPF_MAP_TYPE_SOCKHASH
        | BPF_MAP_TYPE_QUEUE
        | BPF_MAP_TYPE_STACK
        | BPF_MAP_TYPE_RINGBUF => None,
        BPF_MAP_TYPE_BLOOM_FILTER => Some(MapTypes { btf, key: 0, value }),
        _ => Some(MapTypes { btf, key, value }),
    }
}

/// Writes the contents of `.rodata` and `.data`, and makes `.rodata` constant.
fn fill(map: &Map, descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let kind = map.section_kind();
    if matches!(kind, EbpfSectionKind::Rodata | EbpfSectionKind::Data) {
        let mut contents = map.data().to_vec();
        // The kernel reads as much as the map's definition says.
        contents.resize(map.value_size() as usize, 0);
        syscall::map_write_first(descriptor, &contents)?;
    }
    if kind == EbpfSectionKind::Rodata {
        syscall::map_freeze(descriptor)?;
    }
    Ok(())
}

fn refusal(name: &str, map: &Map, error: &io::Error) -> Finding {
    let kind = bpf_map_type::try_from(map.map_type()).map_or_else(
        |_| format!("type {}", map.map_type()),
        |kind| {
            format!("{kind:?}")
                .trim_start_matches("BPF_MAP_TYPE_")
                .to_ascii_lowercase()
        },
    );
    Error::new(
        Code::MapRefused,
        format!(
            "the kernel refused the map `{}` ({kind})",
            untrusted::name(name)
        ),
    )
    .because(format!(
        "{error} (key {} bytes, value {} bytes, {} entries, flags {:#x})",
        map.key_size(),
        map.value_size(),
        map.max_entries(),
        map.map_flags(),
    ))
    .finding()
    .clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_left_to_the_loader_are_assumed_and_said() {
        let map = |kind: bpf_map_type, value, entries| {
            Map::new_from_params(kind as u32, 4, value, entries, 0)
        };
        let mut without = map(BPF_MAP_TYPE_HASH, 8, 0);
        let said = assume_size("start", &mut without).map(|finding| finding.message);
        assert_eq!(without.max_entries(), 1);
        assert!(said.is_some_and(|said| said.contains("`start`")));

        for mut sized in [
            map(BPF_MAP_TYPE_HASH, 8, 7),
            map(BPF_MAP_TYPE_RINGBUF, 0, 0),
            map(BPF_MAP_TYPE_TASK_STORAGE, 8, 0),
        ] {
            let entries = sized.max_entries();
            assert_eq!(assume_size("map", &mut sized), None);
            assert_eq!(sized.max_entries(), entries);
        }
    }

    #[test]
    fn values_that_can_only_have_one_size_have_it() {
        for (kind, size) in [
            (BPF_MAP_TYPE_ARRAY_OF_MAPS, 4),
            (BPF_MAP_TYPE_STACK_TRACE, 127 * 8),
            (BPF_MAP_TYPE_HASH, 0),
        ] {
            let mut map = Map::new_from_params(kind as u32, 4, 0, 1, 0);
            fit(&mut map, Some(kind));
            assert_eq!(map.value_size(), size, "{kind:?}");
        }
    }

    #[test]
    fn ring_buffers_are_powers_of_two_pages() {
        assert_eq!(ring_size(0, 4096), 0);
        assert_eq!(ring_size(1, 4096), 4096);
        assert_eq!(ring_size(4097, 4096), 8192);
        assert_eq!(ring_size(3 * 4096, 4096), 4 * 4096);
        assert_eq!(ring_size(u32::MAX, 4096), u32::MAX);
    }
}
