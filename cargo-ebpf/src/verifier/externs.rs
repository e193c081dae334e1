//! What an object leaves to the kernel, found in the one that runs as libbpf finds it:
//! settings, addresses of symbols, and types of functions and variables.

use std::{collections::HashMap, path::Path};

use ebpf_base::btf::{Btf, Kind};
use ebpf_object::link::{Extern, ExternKind, Map, core::types_are_compatible};

use super::features;
use crate::host::kernel::{self, Kernel};

/// What stands for an extern in instructions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Provided {
    /// The value at this offset of the map of settings.
    Setting(u32),
    /// A number: an address in the kernel, or 0 for what it does not have.
    Address(u64),
    /// A variable, by its type in the kernel's BTF.
    Variable(u32),
    /// A function, by its type in the kernel's BTF.
    Function(u32),
    /// No function: an object that has it as weak does not call it.
    NoFunction,
}

/// What there is for an extern, or why there is nothing.
pub(super) type Found = Result<Provided, String>;

/// Finds `externs`, and writes the values of settings into the last of `maps`.
pub(super) fn find(
    externs: &[Extern],
    maps: &mut [Map],
    local: Option<&Btf<'_>>,
    running: &Kernel,
    kernel_btf: Option<&Btf<'_>>,
) -> Vec<Found> {
    let settings = Settings::of(externs, running);
    let addresses = addresses(externs);
    externs
        .iter()
        .map(|wanted| match wanted.kind {
            ExternKind::Setting {
                offset,
                size,
                value,
            } => {
                let text = settings.get(wanted)?;
                if let Some(text) = text {
                    let bytes = value.value(&text, size).map_err(|cause| {
                        format!(
                            "the variable `{}` of the object cannot hold the value of this kernel \
                                 setting: {cause}",
                            wanted.name
                        )
                    })?;
                    write(maps, offset, &bytes);
                }
                Ok(Provided::Setting(offset))
            }
            ExternKind::Variable(0) => address(wanted, &addresses),
            ExternKind::Variable(type_id) => {
                let found = typed(wanted, Kind::Var, type_id, local, kernel_btf)?;
                Ok(found.map_or(Provided::Address(0), Provided::Variable))
            }
            ExternKind::Function(type_id) => {
                let found = typed(wanted, Kind::Func, type_id, local, kernel_btf)?;
                Ok(found.map_or(Provided::NoFunction, Provided::Function))
            }
            _ => Err(format!(
                "`{}` is neither defined in the object nor declared in its BTF: define it, or \
                 build the object with BTF",
                wanted.name
            )),
        })
        .collect()
}

/// The settings of the running kernel, with those that libbpf makes up.
struct Settings<'kernel> {
    running: &'kernel Kernel,
    configured: Option<Result<HashMap<String, String>, String>>,
}

impl<'kernel> Settings<'kernel> {
    fn of(externs: &[Extern], running: &'kernel Kernel) -> Self {
        let wants = externs.iter().any(|wanted| {
            matches!(wanted.kind, ExternKind::Setting { .. }) && wanted.name.starts_with("CONFIG_")
        });
        Self {
            running,
            configured: wants.then(|| running.settings().map_err(|error| error.to_string())),
        }
    }

    /// The text of a setting; none for one that is weak and not set.
    fn get(&self, wanted: &Extern) -> Result<Option<String>, String> {
        let name = &wanted.name;
        let number = |flag: bool| Ok(Some(u8::from(flag).to_string()));
        match name.as_str() {
            "LINUX_KERNEL_VERSION" => return Ok(Some(self.running.linux_version().to_string())),
            "LINUX_HAS_BPF_COOKIE" => return number(features::has_cookie(self.running)),
            "LINUX_HAS_SYSCALL_WRAPPER" => return number(has_syscall_wrapper()),
            _ => {}
        }
        let release = super::reason::release(self.running);
        match &self.configured {
            Some(Ok(settings)) => match settings.get(name) {
                Some(text) => Ok(Some(text.clone())),
                None if wanted.weak => Ok(None),
                None => Err(format!("Linux {release} is configured without `{name}`")),
            },
            Some(Err(error)) => Err(format!(
                "the configuration of Linux {release}, which is needed for `{name}`, cannot be \
                 read ({error})"
            )),
            None if wanted.weak => Ok(None),
            None => Err(format!("libbpf defines no setting `{name}`")),
        }
    }
}

/// Whether functions for system calls have a name of their own, as `__x64_sys_bpf`: libbpf
/// finds that out with a kprobe, and gets "no" where there are none.
fn has_syscall_wrapper() -> bool {
    let prefix = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        "riscv64" => "riscv",
        other => other,
    };
    let name = format!("__{prefix}_sys_bpf");
    let has_kprobes = KPROBES.iter().any(|path| Path::new(path).exists());
    has_kprobes && kernel::symbols(&[&name]).is_ok_and(|found| found.contains_key(&name))
}

/// What is there if the kernel has kprobes: a kind of perf event, or a file of tracefs.
const KPROBES: [&str; 3] = [
    "/sys/bus/event_source/devices/kprobe/type",
    "/sys/kernel/tracing/kprobe_events",
    "/sys/kernel/debug/tracing/kprobe_events",
];

fn write(maps: &mut [Map], offset: u32, bytes: &[u8]) {
    let contents = maps.last_mut().and_then(|map| map.contents.as_mut());
    let offset = offset as usize;
    let place = contents.and_then(|contents| contents.bytes.get_mut(offset..offset + bytes.len()));
    if let Some(place) = place {
        place.copy_from_slice(bytes);
    }
}

type Addresses = Result<HashMap<String, Vec<u64>>, String>;

/// The addresses of all symbols without a type: the list of symbols is long.
fn addresses(externs: &[Extern]) -> Addresses {
    let names: Vec<_> = externs
        .iter()
        .filter(|wanted| wanted.kind == ExternKind::Variable(0))
        .map(|wanted| wanted.name.as_str())
        .collect();
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    kernel::symbols(&names).map_err(|error| format!("/proc/kallsyms cannot be read ({error})"))
}

fn address(wanted: &Extern, addresses: &Addresses) -> Found {
    let name = &wanted.name;
    let found = addresses.as_ref().map_err(Clone::clone)?;
    match found.get(name).map(Vec::as_slice) {
        Some([first, rest @ ..]) if rest.iter().all(|address| address == first) => {
            Ok(Provided::Address(*first))
        }
        Some(_) => Err(format!("the kernel has several symbols `{name}`")),
        None if wanted.weak => Ok(Provided::Address(0)),
        None => Err(format!(
            "the kernel does not list `{name}` in /proc/kallsyms"
        )),
    }
}

/// The type of a function or variable of the kernel; none if it is weak and not there.
fn typed(
    wanted: &Extern,
    kind: Kind,
    type_id: u32,
    local: Option<&Btf<'_>>,
    kernel_btf: Option<&Btf<'_>>,
) -> Result<Option<u32>, String> {
    let what = match kind {
        Kind::Func => "function",
        _ => "variable",
    };
    let name = &wanted.name;
    // What follows tells apart several declarations of the same function.
    let plain = name.split("___").next().unwrap_or(name);
    let Some(kernel) = kernel_btf else {
        return match wanted.weak {
            true => Ok(None),
            false => Err(format!(
                "this kernel has no BTF, which is needed to find the {what} `{plain}`"
            )),
        };
    };
    let Some(found) = kernel.id_of(kind, plain) else {
        return match wanted.weak {
            true => Ok(None),
            false => Err(format!(
                "{} does not contain the {what} `{plain}` (modules are not searched)",
                ebpf_base::btf::VMLINUX
            )),
        };
    };
    // Of a function the type itself, of a variable that of its value.
    let value = match kind {
        Kind::Func => found,
        _ => kernel.get(found).map_or(0, |found| found.size_or_type),
    };
    let same = local.is_some_and(|local| types_are_compatible((local, type_id), (kernel, value)));
    match (same, wanted.weak && kind == Kind::Func) {
        (true, _) => Ok(Some(found)),
        (false, true) => Ok(None),
        (false, false) => Err(format!(
            "the {what} `{plain}` has another type in the kernel than in the object"
        )),
    }
}
