//! From an object to its list of requirements.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, btree_map::Entry};

use ebpf_base::{
    Error, Result,
    btf::{self, Btf, ByteOrder},
};

use super::{
    Kind, Requirement, Stage,
    code::{self, Code, Externs, Use},
    hook,
    table::{self, Entry as Row},
};
use crate::{
    Function, Map, Name, Object, Style,
    declaration::{self, Place},
    elf::Elf,
    helper,
    instruction::SLOT,
    lines::{Frame, Lines},
};

/// From Linux 5.2 on a program may have more instructions than this (`BPF_MAXINSNS`).
const LARGE: u64 = 4096;
/// No program may have more (`BPF_COMPLEXITY_LIMIT_INSNS`).
const TOO_LARGE: u64 = 1_000_000;

/// Helpers that Aya and libbpf replace on kernels without them: `bpf_probe_read_user`,
/// `_kernel`, `_user_str` and `_kernel_str` by `bpf_probe_read` and `_str`.
const REPLACED: std::ops::RangeInclusive<u32> = 112..=115;

/// The programs of an object, by name and section.
pub(super) fn programs(object: &Object) -> Vec<(Name, Name)> {
    let programs = object.programs.iter().map(|program| &program.function);
    programs
        .map(|function| (function.name.clone(), function.section.clone()))
        .collect()
}

/// Every requirement of `object`, which is in `data`, in no order.
pub(super) fn requirements(
    data: &[u8],
    object: &Object,
    kernel_btf: Option<&[u8]>,
) -> Result<Vec<Requirement>> {
    let elf = Elf::parse(data)?;
    let btf = elf
        .section(".BTF")
        .and_then(|(_, section)| Btf::parse(section.data).ok());
    let functions: Vec<_> = object.functions().into_iter().cloned().collect();
    let codes = code::of(&elf, &functions, &externs(btf.as_ref()));
    let mut list = List {
        found: BTreeMap::new(),
        sources: Sources::of(&elf, object),
    };
    list.add_programs(object, &functions, &codes);
    list.add_unused_maps(object);
    if let Some(btf) = &btf {
        list.add_types(btf);
    }
    let ext = object.btf.and_then(|btf| btf.ext);
    if ext.is_some_and(|ext| ext.core_relocations > 0) {
        list.add(What::feature("core"), None, None);
    }
    let mut requirements: Vec<_> = list.found.into_values().collect();
    if let Some(bytes) = kernel_btf {
        look_up(&mut requirements, bytes)?;
    }
    Ok(requirements)
}

fn externs(btf: Option<&Btf<'_>>) -> Externs {
    let section = |name| {
        btf.into_iter()
            .flat_map(|btf| {
                btf.section(name)
                    .map(|found| Name::from(btf.string(found.name)))
            })
            .collect()
    };
    Externs {
        ksyms: section(".ksyms"),
        kconfig: section(".kconfig"),
    }
}

/// Where in the source things are.
struct Sources<'a> {
    lines: Lines<'a>,
    declared: HashMap<String, Place>,
}

impl<'a> Sources<'a> {
    fn of(elf: &Elf<'a>, object: &Object) -> Self {
        let programs = object.programs.iter().map(|program| &program.function.name);
        let maps = object.maps.iter().map(|map| &map.name);
        let symbols: HashSet<_> = programs.chain(maps).map(Name::as_str).collect();
        Self {
            lines: Lines::of(elf),
            declared: declaration::places(elf, &symbols),
        }
    }

    /// The line that the instruction `offset` bytes into a section is from: of the
    /// crate's own code, where a library's was inlined there.
    fn line(&self, section: usize, offset: u64) -> Option<Place> {
        let frames = self.lines.at(section, offset);
        let place = |frame: &Frame| {
            Some(Place {
                file: frame.file.clone()?,
                line: frame.line?,
            })
        };
        let own = frames
            .iter()
            .filter_map(place)
            .find(|place| !is_library(place.file.as_str()));
        own.or_else(|| frames.iter().find_map(place))
    }

    /// Where a program is declared; else the first line of the crate's own that is in it.
    fn program(&self, function: &Function) -> Option<Place> {
        let name = function.name.as_str();
        if let Some(place) = self.declared.get(name) {
            return Some(place.clone());
        }
        let section = function.section_index;
        let slots = 0..function.instructions.min(SEARCHED);
        let own = slots
            .filter_map(|slot| self.line(section, function.offset + slot * SLOT))
            .find(|place| !is_library(place.file.as_str()));
        own.or_else(|| self.line(section, function.offset))
    }

    /// The line that uses something `offset` bytes into the function with index `at`:
    /// where that function is all a library's, the line that calls it.
    fn used(&self, mut at: usize, mut offset: u64, reached: &Reached<'_>) -> Option<Place> {
        let mut innermost = None;
        for _ in 0..reached.callers.len() {
            let section = reached.functions.get(at)?.section_index;
            let place = self.line(section, offset);
            let own = |place: &Place| !is_library(place.file.as_str());
            if place.as_ref().is_some_and(own) {
                return place;
            }
            innermost = innermost.or(place);
            match reached.callers.get(&at) {
                Some(Some(caller)) => (at, offset) = *caller,
                _ => break,
            }
        }
        innermost
    }
}

/// How many instructions of a program are looked at for a line of the crate's own.
const SEARCHED: u64 = 64;

/// What a program may call.
struct Reached<'o> {
    functions: &'o [Function],
    /// By index of the function: the function and the offset that it is called from. None
    /// for the program itself.
    callers: BTreeMap<usize, Option<(usize, u64)>>,
}

/// Whether a source file is of a library: rustc's own, or a crate in a registry, whose
/// folder ends with its version.
fn is_library(file: &str) -> bool {
    file.split('/').any(|part| {
        let version = part.rsplit_once('-').map(|(_, version)| version);
        matches!(part, "rustlib" | "rustc")
            || version.is_some_and(|version| {
                version.split('.').count() == 3
                    && version.starts_with(|first: char| first.is_ascii_digit())
            })
    })
}

struct List<'a> {
    found: BTreeMap<(Kind, Name), Requirement>,
    sources: Sources<'a>,
}

/// What is said of a thing, beside who asks for it.
struct What<'e> {
    kind: Kind,
    name: Name,
    entry: Option<&'e Row>,
    stage: Stage,
    softened: bool,
}

impl<'e> What<'e> {
    fn new(kind: Kind, name: impl Into<Name>, entry: Option<&'e Row>) -> Self {
        Self {
            kind,
            name: name.into(),
            entry,
            stage: Stage::Load,
            softened: false,
        }
    }

    fn feature(name: &'static str) -> Self {
        let entry = table::FEATURES.get(name);
        Self {
            softened: entry.is_some_and(Row::loaders_cope),
            ..Self::new(Kind::Feature, entry.map_or(name, Row::words), entry)
        }
    }
}

impl List<'_> {
    fn add(&mut self, what: What<'_>, program: Option<&Name>, place: Option<Place>) {
        let What {
            kind,
            name,
            entry,
            stage,
            softened,
        } = what;
        let requirement = self
            .found
            .entry((kind, name.clone()))
            .or_insert_with(|| Requirement {
                kind,
                name,
                since: entry.and_then(|entry| entry.since),
                gone: entry.and_then(|entry| entry.gone),
                source: entry.map(|entry| entry.source),
                stage,
                softened,
                impossible: entry.is_some_and(|entry| entry.since.is_none()),
                also: entry
                    .filter(|_| kind == Kind::ProgramType)
                    .and_then(Row::needs),
                in_btf: None,
                programs: BTreeSet::new(),
                places: BTreeSet::new(),
            });
        // One asks for it at load, one later: the earlier counts. One copes, one does not.
        requirement.stage = requirement.stage.min(stage);
        requirement.softened &= softened;
        requirement.programs.extend(program.cloned());
        requirement.places.extend(place);
    }

    fn add_programs(&mut self, object: &Object, functions: &[Function], codes: &[Code]) {
        let maps: HashMap<&Name, &Map> = object.maps.iter().map(|map| (&map.name, map)).collect();
        for (index, function) in functions.iter().enumerate() {
            let Some(program) = object
                .programs
                .iter()
                .find(|program| program.function == *function)
            else {
                continue;
            };
            let name = &function.name;
            let own_place = self.sources.program(function);
            let hook = program.hook.as_ref();
            for need in hook.map(hook::needs).unwrap_or_default() {
                let what = What {
                    stage: need.stage,
                    softened: need.softened,
                    ..What::new(need.kind, need.name, need.entry.as_ref())
                };
                self.add(what, Some(name), own_place.clone());
            }
            let program_type = hook.map(|hook| hook.program_type.to_string());
            let reached = reach(index, functions, codes);
            let mut uses: BTreeMap<&Use, (usize, u64)> = BTreeMap::new();
            for at in reached.callers.keys() {
                for (what, offset) in codes.get(*at).into_iter().flat_map(|code| &code.uses) {
                    uses.entry(what).or_insert((*at, *offset));
                }
            }
            for (what, (at, offset)) in &uses {
                let place = self.sources.used(*at, *offset, &reached);
                self.add_use(what, name, program_type.as_deref(), place, &maps);
            }
            if let Some((at, offset)) = uses.get(&Use::Helper(code::TAIL_CALL))
                && uses.contains_key(&Use::Feature("calls"))
            {
                let place = self.sources.used(*at, *offset, &reached);
                self.add(What::feature("tail-calls-and-calls"), Some(name), place);
            }
            for (limit, feature) in [(LARGE, "large"), (TOO_LARGE, "too-large")] {
                if program.loaded_instructions > limit {
                    self.add(What::feature(feature), Some(name), own_place.clone());
                }
            }
        }
    }

    fn add_use(
        &mut self,
        what: &Use,
        program: &Name,
        program_type: Option<&str>,
        place: Option<Place>,
        maps: &HashMap<&Name, &Map>,
    ) {
        match what {
            Use::Feature(feature) => self.add(What::feature(feature), Some(program), place),
            Use::Helper(id) => {
                let number = u32::try_from(*id).unwrap_or(u32::MAX);
                let name = helper::name(*id).unwrap_or_else(|| format!("helper {id}"));
                let later = program_type
                    .and_then(|program_type| table::LATER_HELPERS.get(&name, program_type));
                // Of another program type it may be older: each is its own requirement.
                let shown = match (later, program_type) {
                    (Some(_), Some(program_type)) => format!("{name} in {program_type}"),
                    _ => name,
                };
                let what = What {
                    softened: REPLACED.contains(&number),
                    ..What::new(
                        Kind::Helper,
                        shown,
                        later.or_else(|| table::HELPERS.get(number)),
                    )
                };
                self.add(what, Some(program), place);
            }
            Use::Kfunc { name, optional } => {
                let first = table::KFUNCS.get(name.as_str());
                let own = first.zip(program_type).map(|(first, program_type)| {
                    let get =
                        |caller: &str| table::KFUNC_PROGRAMS.get(name.as_str(), caller, first);
                    get(program_type).or_else(|| {
                        let structure = structure(maps)?;
                        get(&format!("{program_type}:{structure}"))
                    })
                });
                let entry = own.unwrap_or(first.copied());
                // Not all types of programs may call it: each is its own requirement.
                let shown = match program_type {
                    Some(program_type) if entry.as_ref() != first => {
                        Name::from(format!("{name} in {program_type}"))
                    }
                    _ => name.clone(),
                };
                let what = What {
                    softened: *optional,
                    ..What::new(Kind::Kfunc, shown, entry.as_ref())
                };
                self.add(what, Some(program), place);
            }
            Use::Map(name) => match maps.get(name) {
                Some(map) if map.style == Style::Data => {
                    self.add(What::feature("global-data"), Some(program), place);
                }
                Some(map) => self.add_map(map, Some(program), place),
                // A section of constants, strings and the like.
                None => {}
            },
        }
    }

    /// What the creation of a map asks for. `used` is a line that uses it.
    fn add_map(&mut self, map: &Map, program: Option<&Name>, used: Option<Place>) {
        let place = self
            .sources
            .declared
            .get(map.name.as_str())
            .cloned()
            .or(used);
        if let Some(operations) = &map.operations {
            let what = What::new(
                Kind::StructOps,
                operations.clone(),
                table::STRUCT_OPS.get(operations.as_str()),
            );
            self.add(what, program, place.clone());
        }
        let Some(definition) = &map.definition else {
            return;
        };
        let entry = table::MAP_TYPES.get(definition.type_number);
        let name = entry.map_or(definition.map_type.as_str(), |entry| entry.name);
        self.add(
            What::new(Kind::MapType, name, entry),
            program,
            place.clone(),
        );
        for bit in (0..32).filter(|bit| definition.flags >> bit & 1 == 1) {
            let entry = table::MAP_FLAGS.get(bit);
            let name = entry.map_or_else(|| format!("bit {bit}"), |entry| entry.name.to_owned());
            self.add(
                What::new(Kind::MapFlag, name, entry),
                program,
                place.clone(),
            );
        }
        if definition.extra != 0 {
            self.add(What::feature("map-extra"), program, place);
        }
    }

    /// Maps that no program uses: loaders create them all the same.
    fn add_unused_maps(&mut self, object: &Object) {
        let used: BTreeSet<&Name> = object
            .programs
            .iter()
            .flat_map(|program| &program.references.maps)
            .collect();
        for map in &object.maps {
            // Of a section of variables that nothing refers to loaders make no demand.
            if !used.contains(&map.name) && map.style != Style::Data {
                self.add_map(map, None, None);
            }
        }
    }

    /// Kinds of types. Loaders replace those that a kernel does not know.
    fn add_types(&mut self, btf: &Btf<'_>) {
        let softened = |what: What<'static>| What {
            softened: true,
            ..what
        };
        self.add(What::feature("btf"), None, None);
        if btf.types().iter().any(Btf::is_global_function) {
            self.add(What::feature("global-functions"), None, None);
        }
        let kinds: BTreeSet<u32> = btf
            .types()
            .iter()
            .map(|found| found.kind.number())
            .collect();
        for number in kinds {
            if let Some(entry) = table::BTF_KINDS.get(number) {
                let what = What::new(Kind::Btf, entry.name, Some(entry));
                self.add(softened(what), None, None);
            }
        }
    }
}

/// `start` and all functions that it calls, directly or not, each with its first caller.
fn reach<'o>(start: usize, functions: &'o [Function], codes: &[Code]) -> Reached<'o> {
    let mut callers = BTreeMap::from([(start, None)]);
    let mut waiting = vec![start];
    while let Some(index) = waiting.pop() {
        for (callee, offset) in codes.get(index).into_iter().flat_map(|code| &code.callees) {
            if let Entry::Vacant(new) = callers.entry(*callee) {
                new.insert(Some((index, *offset)));
                waiting.push(*callee);
            }
        }
    }
    Reached { functions, callers }
}

/// The error for a file that does not contain the BTF of a kernel.
pub fn btf_unreadable(cause: &str) -> Error {
    Error::new(
        crate::code::Code::BtfUnreadable,
        "the file of --btf does not contain a kernel's BTF",
    )
    .because(cause)
    .fix("pass a copy of /sys/kernel/btf/vmlinux, or a vmlinux with BTF")
}

/// Says of everything that BTF can tell of whether a kernel's BTF has it.
fn look_up(requirements: &mut [Requirement], bytes: &[u8]) -> Result<()> {
    if ByteOrder::of_magic(bytes).is_none() {
        return Err(btf_unreadable("it does not begin with BTF's magic number"));
    }
    let btf = Btf::parse(bytes).map_err(|cause| btf_unreadable(&cause))?;
    let mut wanted: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, requirement) in requirements.iter_mut().enumerate() {
        if let Some(name) = btf_name(requirement) {
            requirement.in_btf = Some(false);
            wanted.entry(name).or_default().push(index);
        }
    }
    let mut there = |name: u32| {
        for index in wanted.get(&*btf.string(name)).into_iter().flatten() {
            if let Some(requirement) = requirements.get_mut(*index) {
                requirement.in_btf = Some(true);
            }
        }
    };
    for found in btf.types() {
        match found.kind {
            btf::Kind::Func | btf::Kind::Typedef | btf::Kind::Struct => there(found.name),
            _ => btf.enumerators(*found).for_each(&mut there),
        }
    }
    Ok(())
}

/// The structure that programs for struct_ops are for, where it is the same for all.
fn structure<'m>(maps: &HashMap<&Name, &'m Map>) -> Option<&'m Name> {
    let mut all = maps.values().filter_map(|map| map.operations.as_ref());
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}

/// `bpf_task_from_pid` of `bpf_task_from_pid in xdp`.
fn bare(name: &str) -> &str {
    name.split(' ').next().unwrap_or(name)
}

/// What a requirement is called in a kernel's BTF, if BTF can tell.
fn btf_name(requirement: &Requirement) -> Option<String> {
    let name = requirement.name.as_str();
    Some(match requirement.kind {
        Kind::Tracepoint => format!("btf_trace_{name}"),
        Kind::LsmHook => format!("bpf_lsm_{name}"),
        Kind::Iterator => format!("bpf_iter_{name}"),
        Kind::StructOps => format!("bpf_struct_ops_{name}"),
        Kind::Function => name.to_owned(),
        Kind::Kfunc => bare(name).to_owned(),
        Kind::ProgramType => format!("BPF_PROG_TYPE_{}", name.to_ascii_uppercase()),
        Kind::AttachType => format!("BPF_{}", name.to_ascii_uppercase()),
        Kind::MapType => format!("BPF_MAP_TYPE_{}", name.to_ascii_uppercase()),
        Kind::MapFlag => {
            let flag = name.replace('-', "_");
            format!("BPF_F_{}", flag.to_ascii_uppercase())
        }
        Kind::Helper => bare(name).replacen("bpf_", "BPF_FUNC_", 1),
        Kind::SystemCall | Kind::Feature | Kind::Btf => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_told_by_its_folder() {
        for library in [
            "/home/u/.cargo/registry/src/index-1/aya-ebpf-0.2.1/src/maps/mod.rs",
            "aya-ebpf-0.2.1/src/lib.rs",
            "/rustc/library/core/src/ptr/mod.rs",
            "/usr/lib/rustlib/src/rust/library/core/src/ptr/mod.rs",
        ] {
            assert!(is_library(library), "{library}");
        }
        for own in [
            "lock-ebpf/src/kernel_wait.rs",
            "src/main.rs",
            "my-app-2/src/x.rs",
        ] {
            assert!(!is_library(own), "{own}");
        }
    }
}
