//! Makes the maps of an object in the kernel, each as libbpf and Aya would, but
//! never pinned. A map that cannot be made only matters to the programs that use it.

use std::{
    collections::BTreeMap,
    io,
    os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd, RawFd},
};

use aya_obj::generated::bpf_map_type::{self, *};
use ebpf_base::untrusted;
use ebpf_build::Finding;
use ebpf_object::{
    declaration,
    link::{Map, Shape},
};

use super::{
    map_limits,
    syscall::{self, MapTypes},
};
use crate::{code::Code, host::kernel};

/// The maps of one object, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Maps(Vec<Slot>);

#[derive(Debug)]
struct Slot {
    name: String,
    shape: Shape,
    /// The descriptor, or why there is none.
    state: Result<OwnedFd, Finding>,
    /// What was made up of its size, because the object leaves that to its loader.
    assumed: Option<Finding>,
}

impl Maps {
    /// Makes `maps`, which the object in `data` defines. `btf` is its BTF if the kernel took it.
    pub(super) fn create(maps: &[Map], data: &[u8], btf: Option<BorrowedFd<'_>>) -> Self {
        let slots = maps.iter().map(|map| {
            let mut shape = map.shape.clone();
            let assumed = assume_size(&map.name, &mut shape);
            let created = create(&map.name, &mut shape, btf)
                .and_then(|descriptor| fill(map, &shape, descriptor));
            Slot {
                state: created.map_err(|error| refusal(&map.name, &shape, &error)),
                name: map.name.clone(),
                shape,
                assumed,
            }
        });
        let mut maps = Self(slots.collect());
        maps.locate(data);
        maps
    }

    /// Adds to the maps that could not be made where the source of the object in `data` defines
    /// them.
    fn locate(&mut self, data: &[u8]) {
        let refused = self.0.iter().filter(|slot| slot.state.is_err());
        let places = declaration::of(data, refused.map(|slot| slot.name.as_str()));
        for slot in &mut self.0 {
            if let (Err(finding), Some(place)) = (&mut slot.state, places.get(&slot.name)) {
                *finding = finding.clone().at(place.file.as_str(), Some(place.line));
            }
        }
    }

    /// Why the maps that could not be made could not be made, and what was assumed of
    /// others.
    pub(super) fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter().filter_map(|slot| match &slot.state {
            Err(refusal) => Some(refusal),
            Ok(_) => slot.assumed.as_ref(),
        })
    }

    /// The descriptor of the map with that number, for a program that keeps what it needs
    /// in `own`. Arrays of programs are each program's own: the kernel ties one to the type
    /// of the first program that it loads with it, so that other types would be refused for
    /// what stood before them.
    pub(super) fn descriptor(
        &self,
        number: usize,
        own: &mut BTreeMap<usize, OwnedFd>,
    ) -> Option<Result<RawFd, Box<Finding>>> {
        self.0.get(number).map(|slot| slot.descriptor(number, own))
    }
}

impl Slot {
    fn descriptor(
        &self,
        number: usize,
        own: &mut BTreeMap<usize, OwnedFd>,
    ) -> Result<RawFd, Box<Finding>> {
        let shared = self
            .state
            .as_ref()
            .map_err(|refusal| Box::new(refusal.clone()))?;
        if self.shape.map_type != BPF_MAP_TYPE_PROG_ARRAY as u32 {
            return Ok(shared.as_raw_fd());
        }
        if let Some(map) = own.get(&number) {
            return Ok(map.as_raw_fd());
        }
        let map = syscall::map_create(&self.name, &self.shape, None, None)
            .map_err(|error| Box::new(refusal(&self.name, &self.shape, &error)))?;
        let descriptor = map.as_raw_fd();
        own.insert(number, map);
        Ok(descriptor)
    }
}

fn create(name: &str, shape: &mut Shape, btf: Option<BorrowedFd<'_>>) -> io::Result<OwnedFd> {
    let kind = bpf_map_type::try_from(shape.map_type).ok();
    fit(shape, kind);
    let inner = match shape.inner.as_deref_mut() {
        Some(inner) => Some(create(name, inner, btf)?),
        None => None,
    };
    let inner = inner.as_ref().map(|inner| inner.as_fd());
    let types = btf.and_then(|btf| types(shape, kind, btf));
    match syscall::map_create(name, shape, inner, types) {
        // As libbpf does: the types only serve to print what is in the map.
        Err(_) if types.is_some() => syscall::map_create(name, shape, inner, None),
        created => created,
    }
}

/// A map without a size is one that the object's own loader sizes. To try its programs
/// the smallest will do, as in veristat; it is said, as the kernel would refuse it.
fn assume_size(name: &str, map: &mut Shape) -> Option<Finding> {
    let sized_by_the_kernel = matches!(
        bpf_map_type::try_from(map.map_type).ok(),
        None | Some(
            BPF_MAP_TYPE_PERF_EVENT_ARRAY
                | BPF_MAP_TYPE_CGROUP_STORAGE_DEPRECATED
                | BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE_DEPRECATED
                | BPF_MAP_TYPE_SK_STORAGE
                | BPF_MAP_TYPE_INODE_STORAGE
                | BPF_MAP_TYPE_TASK_STORAGE
                | BPF_MAP_TYPE_CGRP_STORAGE
                | BPF_MAP_TYPE_STRUCT_OPS
        )
    );
    if map.max_entries != 0 || sized_by_the_kernel {
        return None;
    }
    map.max_entries = 1;
    Some(
        Finding::warning(
            Code::MapSizeAssumed,
            format!(
                "the map `{}` has no size in the object; it was created with one entry",
                untrusted::name(name)
            ),
        )
        .because("the kernel rejects a map without entries, so the loader must set the size")
        .fix(format!(
            "pass the size that the loader sets: --map-size {}=N, or `map-sizes` in \
             [package.metadata.ebpf]; or set max_entries in the object",
            untrusted::name(name)
        )),
    )
}

/// Sets sizes that depend on the machine, or that can only be one.
fn fit(map: &mut Shape, kind: Option<bpf_map_type>) {
    match kind {
        Some(BPF_MAP_TYPE_PERF_EVENT_ARRAY) if map.max_entries == 0 => {
            map.max_entries = kernel::possible_cpus();
        }
        Some(BPF_MAP_TYPE_RINGBUF | BPF_MAP_TYPE_USER_RINGBUF) => {
            map.max_entries = ring_size(map.max_entries, kernel::page_size());
            map.value_size = 0;
        }
        Some(BPF_MAP_TYPE_STACK_TRACE) if map.value_size == 0 => {
            map.value_size = LONGEST_STACK * 8;
        }
        _ => {}
    }
    // libbpf lets objects leave it out of maps of maps.
    if map.value_size == 0 && kind.is_some_and(holds_descriptors) {
        map.value_size = DESCRIPTOR;
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
    shape: &Shape,
    kind: Option<bpf_map_type>,
    btf: BorrowedFd<'fd>,
) -> Option<MapTypes<'fd>> {
    let (key, value) = (shape.key_type, shape.value_type);
    if (key, value) == (0, 0) {
        return None;
    }
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

/// Writes the values of global variables.
fn fill(map: &Map, shape: &Shape, descriptor: OwnedFd) -> io::Result<OwnedFd> {
    let contents = map.contents.as_ref();
    if shape.map_type == BPF_MAP_TYPE_ARENA as u32 {
        // The verifier wants to know where user space sees the arena.
        let bytes = contents.map_or(&[][..], |contents| &contents.bytes);
        let pages = u64::from(shape.max_entries) * u64::from(kernel::page_size());
        syscall::arena_map(descriptor.as_fd(), shape.extra, pages, bytes)?;
    } else if let Some(contents) = contents {
        // A new map is zero; `.bss` is nothing else.
        if contents.bytes.iter().any(|&byte| byte != 0) {
            let mut bytes = contents.bytes.clone();
            // The kernel reads as much as the map's definition says.
            bytes.resize(shape.value_size as usize, 0);
            syscall::map_write_first(descriptor.as_fd(), &bytes)?;
        }
        if contents.constant {
            syscall::map_freeze(descriptor.as_fd())?;
        }
    }
    Ok(descriptor)
}

fn refusal(name: &str, shape: &Shape, error: &io::Error) -> Finding {
    let kind = bpf_map_type::try_from(shape.map_type).map_or_else(
        |_| format!("type {}", shape.map_type),
        |kind| {
            format!("{kind:?}")
                .trim_start_matches("BPF_MAP_TYPE_")
                .to_ascii_lowercase()
        },
    );
    let error_text = format!(
        "{error} (key {} bytes, value {} bytes, max_entries {}, flags {:#x})",
        shape.key_size, shape.value_size, shape.max_entries, shape.flags,
    );
    let refused = Finding::error(
        Code::MapRefused,
        format!(
            "the kernel rejected the map `{}` ({kind})",
            untrusted::name(name)
        ),
    );
    match map_limits::broken(shape, error) {
        Some((because, fix)) => refused.because(format!("{because}; {error_text}")).fix(fix),
        None => refused.because(error_text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(kind: bpf_map_type, value: u32, entries: u32) -> Shape {
        let mut shape = Shape::default();
        shape.map_type = kind as u32;
        (shape.key_size, shape.value_size, shape.max_entries) = (4, value, entries);
        shape
    }

    #[test]
    fn sizes_left_to_the_loader_are_assumed_and_said() {
        for kind in [BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_RINGBUF] {
            let mut without = shape(kind, 8, 0);
            let said = assume_size("start", &mut without).map(|finding| finding.message);
            assert_eq!(without.max_entries, 1);
            assert!(said.is_some_and(|said| said.contains("`start`")));
        }
        for mut sized in [
            shape(BPF_MAP_TYPE_HASH, 8, 7),
            shape(BPF_MAP_TYPE_RINGBUF, 0, 8192),
            shape(BPF_MAP_TYPE_TASK_STORAGE, 8, 0),
        ] {
            let entries = sized.max_entries;
            assert_eq!(assume_size("map", &mut sized), None);
            assert_eq!(sized.max_entries, entries);
        }
    }

    #[test]
    fn values_that_can_only_have_one_size_have_it() {
        for (kind, size) in [
            (BPF_MAP_TYPE_ARRAY_OF_MAPS, 4),
            (BPF_MAP_TYPE_STACK_TRACE, 127 * 8),
            (BPF_MAP_TYPE_HASH, 0),
        ] {
            let mut map = shape(kind, 0, 1);
            fit(&mut map, Some(kind));
            assert_eq!(map.value_size, size, "{kind:?}");
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
