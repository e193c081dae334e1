//! Maps: their types in Aya.

use ebpf_object::{Map, Style, variable::Declared};

use super::types::Types;
use crate::check::OF_AYA_LOG;

/// Which of its types a map of Aya has as parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parameters {
    None,
    Key,
    Value,
    KeyValue,
    /// The data of a key, without the length of its prefix, and the value.
    PrefixValue,
}

use Parameters::{Key, KeyValue, PrefixValue, Value};

/// Aya's type of any map.
pub(super) const ANY: &str = "::aya::maps::Map";

/// The size of the length of a prefix, in bytes.
const PREFIX_LEN: u32 = 4;

/// The kernel's names of map types, and Aya's types for them. Those that Aya 0.14 does not have or
/// deprecates are `Map`.
const KINDS: [(&str, &str, Parameters); 27] = [
    ("array", "Array", Value),
    ("array_of_maps", "ArrayOfMaps", Parameters::None),
    ("bloom_filter", "BloomFilter", Value),
    ("cgroup_array", "CgroupArray", Parameters::None),
    ("cgrp_storage", "CgrpStorage", Value),
    ("cpumap", "CpuMap", Parameters::None),
    ("devmap", "DevMap", Parameters::None),
    ("devmap_hash", "DevMapHash", Parameters::None),
    ("hash", "HashMap", KeyValue),
    ("hash_of_maps", "HashOfMaps", Key),
    ("inode_storage", "InodeStorage", Value),
    ("lpm_trie", "LpmTrie", PrefixValue),
    ("lru_hash", "HashMap", KeyValue),
    ("lru_percpu_hash", "PerCpuHashMap", KeyValue),
    ("percpu_array", "PerCpuArray", Value),
    ("percpu_hash", "PerCpuHashMap", KeyValue),
    ("perf_event_array", "PerfEventArray", Parameters::None),
    ("prog_array", "ProgramArray", Parameters::None),
    ("queue", "Queue", Value),
    (
        "reuseport_sockarray",
        "ReusePortSockArray",
        Parameters::None,
    ),
    ("ringbuf", "RingBuf", Parameters::None),
    ("sk_storage", "SkStorage", Value),
    ("sockhash", "SockHash", Key),
    ("sockmap", "SockMap", Parameters::None),
    ("stack", "Stack", Value),
    ("stack_trace", "StackTraceMap", Parameters::None),
    ("xskmap", "XskMap", Parameters::None),
];

/// Aya's type of a map; `None` for what Aya has no map for, and for the maps of aya-log, which takes
/// them from Aya itself.
pub(super) fn aya_type(map: &Map, declared: Option<&Declared>, types: &Types) -> Option<String> {
    let is_of_aya_log = OF_AYA_LOG.contains(&map.name.as_str());
    if matches!(map.style, Style::Data | Style::StructOps) || is_of_aya_log {
        return None;
    }
    let raw = || Some(ANY.to_owned());
    let Some(definition) = &map.definition else {
        return raw();
    };
    let kind = KINDS.iter().find(|(name, ..)| *name == definition.map_type);
    let Some((_, name, parameters)) = kind else {
        return raw();
    };
    let declared = declared.map_or(&[][..], |declared| &declared.parameters);
    let key = |size: u32| types.sized(declared.first(), size.into());
    let value = || types.sized(declared.last(), definition.value_size.into());
    let arguments = match parameters {
        Parameters::None => String::new(),
        Key => format!(", {}", key(definition.key_size)),
        Value => format!(", {}", value()),
        KeyValue => format!(", {}, {}", key(definition.key_size), value()),
        PrefixValue => {
            let data = definition.key_size.saturating_sub(PREFIX_LEN);
            format!(", {}, {}", key(data), value())
        }
    };
    Some(format!(
        "::aya::maps::{name}<::aya::maps::MapData{arguments}>"
    ))
}
