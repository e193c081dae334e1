//! Which release of Linux brought what: the tables in `data/`, read once.
//!
//! Each line of a table is an entry, its fields apart by tabs. What the fields are is
//! said at the head of each file. That every entry reads, and agrees with the headers
//! and the BTF of real kernels, `tests.rs` proves.

use std::{collections::HashMap, sync::LazyLock};

use super::since::Since;

/// An entry: when something came, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What it is called.
    pub name: &'static str,
    /// None if no release has it.
    pub since: Option<Since>,
    /// The first release without it again; none if the newest that was looked at has it.
    pub gone: Option<Since>,
    /// A commit of the kernel, or the header or BTF that shows it.
    pub source: &'static str,
    /// The fields behind these, still with tabs between them.
    rest: &'static str,
}

impl Entry {
    /// The field with that number among those that only this table has.
    fn field(&self, index: usize) -> Option<&'static str> {
        self.rest
            .split('\t')
            .nth(index)
            .filter(|field| !matches!(*field, "" | "-"))
    }

    /// What else the kernel must be built or booted with, of a program type.
    pub(super) fn needs(&self) -> Option<&'static str> {
        self.field(0)
    }

    /// Whether loaders do without it on older kernels, of a feature.
    pub(super) fn loaders_cope(&self) -> bool {
        self.field(0) == Some("yes")
    }

    /// What a feature is, in words.
    pub(super) fn words(&self) -> &'static str {
        self.field(1).unwrap_or(self.name)
    }
}

/// The lines of a table with fields in them.
fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
}

/// What is between the releases in which a thing came and went: `..5.10 gone 6.2..6.12`.
pub(super) const GONE: &str = " gone ";

fn entry(line: &'static str) -> Option<Entry> {
    let mut fields = line.splitn(4, '\t');
    let name = fields.next()?;
    let releases = fields.next()?;
    let (since, gone) = match releases.split_once(GONE) {
        Some((since, gone)) => (since, Some(gone.parse().ok()?)),
        None => (releases, None),
    };
    Some(Entry {
        name,
        since: match since {
            "none" => None,
            since => Some(since.parse().ok()?),
        },
        gone,
        source: fields.next()?,
        rest: fields.next().unwrap_or_default(),
    })
}

/// Entries that the kernel's interface numbers.
#[derive(Debug)]
pub(crate) struct Numbered(HashMap<u32, Entry>);

impl Numbered {
    fn parse(text: &'static str) -> Self {
        let numbered = |line: &'static str| {
            let (number, rest) = line.split_once('\t')?;
            Some((number.parse().ok()?, entry(rest)?))
        };
        Self(lines(text).filter_map(numbered).collect())
    }

    /// The entry with that number.
    pub(crate) fn get(&self, number: u32) -> Option<&Entry> {
        self.0.get(&number)
    }

    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Entry)> {
        self.0.iter().map(|(number, entry)| (*number, entry))
    }
}

/// Entries that are known by name.
#[derive(Debug)]
pub(crate) struct Named(HashMap<&'static str, Entry>);

impl Named {
    fn parse(text: &'static str) -> Self {
        let named = |line| entry(line).map(|entry| (entry.name, entry));
        Self(lines(text).filter_map(named).collect())
    }

    /// The entry of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&Entry> {
        self.0.get(name)
    }
}

/// What a helper's coming to further program types is kept as.
#[derive(Debug)]
struct LaterHelper {
    helper: &'static str,
    program_types: &'static str,
    entry: Entry,
}

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident: $kind:ident = $file:literal;)*) => {
        $($(#[$doc])*
        pub(crate) static $name: LazyLock<$kind> =
            LazyLock::new(|| $kind::parse(include_str!(concat!("../../data/", $file, ".tsv"))));)*

        /// The tables as text.
        #[cfg(test)]
        pub(super) const TEXTS: &[(&str, &str)] =
            &[$(($file, include_str!(concat!("../../data/", $file, ".tsv")))),*];
    };
}

tables! {
    /// `enum bpf_prog_type`.
    PROGRAM_TYPES: Numbered = "program-types";
    /// `enum bpf_attach_type`.
    ATTACH_TYPES: Numbered = "attach-types";
    /// `enum bpf_map_type`.
    MAP_TYPES: Numbered = "map-types";
    /// `BPF_F_*` at the creation of a map, by bit.
    MAP_FLAGS: Numbered = "map-flags";
    /// `enum bpf_func_id`.
    HELPERS: Numbered = "helpers";
    /// `BTF_KIND_*`.
    BTF_KINDS: Numbered = "btf-kinds";
    /// Instructions, sizes and the like.
    FEATURES: Named = "features";
    /// Functions of the kernel that programs may call.
    KFUNCS: Named = "kfuncs";
    /// Tracepoints without their category.
    TRACEPOINTS: Named = "tracepoints";
    /// Hooks for programs of type lsm.
    LSM_HOOKS: Named = "lsm-hooks";
    /// What iterators go over.
    ITERATORS: Named = "iterators";
    /// Structures that struct_ops maps fill.
    STRUCT_OPS: Named = "struct-ops";
    /// System calls.
    SYSCALLS: Named = "syscalls";
    /// Helpers that came to some program types later.
    LATER_HELPERS: LaterHelpers = "helper-programs";
    /// Which program types may call which kernel function.
    KFUNC_PROGRAMS: KfuncPrograms = "kfunc-programs";
}

/// Helpers that came to some program types later than to the first.
#[derive(Debug)]
pub(crate) struct LaterHelpers(Vec<LaterHelper>);

impl LaterHelpers {
    fn parse(text: &'static str) -> Self {
        let later = |line: &'static str| {
            let (helper, rest) = line.split_once('\t')?;
            let (program_types, _) = rest.split_once('\t')?;
            Some(LaterHelper {
                helper,
                program_types,
                entry: entry(rest)?,
            })
        };
        Self(lines(text).filter_map(later).collect())
    }

    /// When the helper came to programs of that type, if later than to others.
    pub(crate) fn get(&self, helper: &str, program_type: &str) -> Option<&Entry> {
        self.0
            .iter()
            .find(|later| {
                later.helper == helper
                    && later
                        .program_types
                        .split(',')
                        .any(|one| one == program_type)
            })
            .map(|later| &later.entry)
    }

    #[cfg(test)]
    pub(crate) fn helpers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|later| {
            later
                .program_types
                .split(',')
                .map(|one| (later.helper, one))
        })
    }
}

/// The program types that may call kernel functions. Types that are not named are unknown.
#[derive(Debug)]
pub(crate) struct KfuncPrograms(HashMap<&'static str, Vec<Callers>>);

/// Since when programs of some types may call a kernel function.
#[derive(Debug, Clone, Copy)]
struct Callers {
    program_types: &'static str,
    /// None if they may as long as it has existed.
    entry: Option<Entry>,
}

impl Callers {
    fn include(&self, program_type: &str) -> bool {
        let mut all = self.program_types.split(',');
        all.any(|one| one == ALL_TYPES || one == program_type)
    }
}

/// All program types, those that no table has as well.
const ALL_TYPES: &str = "*";
/// The kernel functions of the line before.
const SAME_KFUNCS: &str = "^";
/// As long as the kernel function has existed.
pub(super) const START: &str = "start";

impl KfuncPrograms {
    fn parse(text: &'static str) -> Self {
        let mut kfuncs = "";
        let mut found: HashMap<_, Vec<_>> = HashMap::new();
        for line in lines(text) {
            let Some((names, rest)) = line.split_once('\t') else {
                continue;
            };
            if names != SAME_KFUNCS {
                kfuncs = names;
            }
            let mut fields = rest.split('\t');
            let (Some(program_types), Some(since)) = (fields.next(), fields.next()) else {
                continue;
            };
            let entry = match since {
                START => None,
                _ => match entry(rest) {
                    Some(entry) => Some(entry),
                    None => continue,
                },
            };
            for kfunc in kfuncs.split(',') {
                found.entry(kfunc).or_default().push(Callers {
                    program_types,
                    entry,
                });
            }
        }
        Self(found)
    }

    /// The entry of a kernel function for programs of that type, where `first` is the one for
    /// programs of any type. None if it is not known whether they may call it.
    pub(crate) fn get(&self, kfunc: &str, program_type: &str, first: &Entry) -> Option<Entry> {
        let callers = self.0.get(kfunc)?.iter();
        let entry = callers
            .filter(|callers| callers.include(program_type))
            .map(|callers| callers.entry)
            .next()?;
        let Some(mut entry) = entry else {
            return Some(*first);
        };
        entry.name = first.name;
        if let (Some(since), Some(first)) = (&mut entry.since, first.since) {
            since.not_before = since.not_before.max(first.not_before);
            since.by = since.by.max(first.by);
        }
        entry.gone = entry.gone.or(first.gone);
        Some(entry)
    }

    #[cfg(test)]
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|(kfunc, callers)| {
            let types = callers.iter().flat_map(|one| one.program_types.split(','));
            types.map(|one| (*kfunc, one))
        })
    }
}
