//! The tables against the kernel's own headers and BTF, and whole objects.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use ebpf_base::{KernelVersion, btf::Btf};

use super::{
    table::{self, Numbered},
    *,
};
use crate::helper;

const HEADERS: &str = include_str!("../../../cargo-ebpf/tests/kernels/headers.tsv");
const BTFS: &str = include_str!("../../../cargo-ebpf/tests/kernels/btf.tsv");

fn release(text: &str) -> KernelVersion {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

/// The fields of each line, and the releases that a fixture is about.
fn fixture(text: &'static str) -> (Vec<Vec<&'static str>>, Vec<KernelVersion>) {
    let releases = text
        .lines()
        .find_map(|line| line.strip_prefix("# releases: "));
    let releases = releases.unwrap().split(' ').map(release).collect();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    (
        lines.map(|line| line.split('\t').collect()).collect(),
        releases,
    )
}

fn numbered(name: &str) -> &'static Numbered {
    match name {
        "program-types" => &table::PROGRAM_TYPES,
        "attach-types" => &table::ATTACH_TYPES,
        "map-types" => &table::MAP_TYPES,
        "map-flags" => &table::MAP_FLAGS,
        "helpers" => &table::HELPERS,
        "btf-kinds" => &table::BTF_KINDS,
        other => panic!("{other}"),
    }
}

#[test]
fn every_line_of_every_table_reads() {
    for (file, text) in table::TEXTS {
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut fields: Vec<_> = line.split('\t').collect();
            if fields[0].bytes().all(|byte| byte.is_ascii_digit()) {
                fields.remove(0);
            }
            if matches!(*file, "helper-programs" | "kfunc-programs") {
                fields.remove(1);
            }
            let (since, gone) = match fields[1].split_once(table::GONE) {
                Some((since, gone)) => (since, Some(gone)),
                None => (fields[1], None),
            };
            assert!(
                matches!(since, "none" | table::START) || since.parse::<Since>().is_ok(),
                "{file}: {line}"
            );
            if let Some(gone) = gone {
                let gone: Since = gone.parse().unwrap();
                assert!(
                    since.parse::<Since>().unwrap().by < gone.not_before,
                    "{line}"
                );
            }
            assert!(!fields[2].is_empty(), "{file}: {line}");
        }
    }
}

#[test]
fn tables_and_headers_number_the_same() {
    let (rows, releases) = fixture(HEADERS);
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &rows {
        let [name, number, enumerator, have] = row[..] else {
            panic!("{row:?}");
        };
        *seen.entry(name).or_default() += 1;
        let entry = numbered(name)
            .get(number.parse().unwrap())
            .unwrap_or_else(|| panic!("{row:?} is in no table"));
        assert_eq!(entry.name, enumerator, "{row:?}");
        let have: Vec<_> = have.split(' ').map(release).collect();
        for release in &releases {
            let expected = if have.contains(release) {
                Presence::There
            } else {
                Presence::Absent
            };
            let since = entry.since.unwrap();
            assert_eq!(since.at(*release), expected, "{row:?} {release}");
        }
    }
    for (name, count) in seen {
        assert_eq!(numbered(name).iter().count(), count, "{name}");
    }
}

#[test]
fn tables_have_all_that_kernels_have() {
    for number in 1..=211 {
        let entry = table::HELPERS.get(number).unwrap();
        let name = helper::name(number.try_into().unwrap());
        assert_eq!(Some(entry.name), name.as_deref());
    }
    for (helper, program_type) in table::LATER_HELPERS.helpers() {
        let first = table::HELPERS
            .iter()
            .find(|(_, entry)| entry.name == helper);
        let later = table::LATER_HELPERS.get(helper, program_type).unwrap();
        let never = later.since.is_none();
        assert!(never || first.unwrap().1.since < later.since, "{helper}");
        let known = table::PROGRAM_TYPES
            .iter()
            .any(|(_, entry)| entry.name == program_type);
        assert!(known, "{program_type}");
    }
}

#[test]
fn kernel_functions_and_their_callers_are_in_tables() {
    let mut seen = BTreeSet::new();
    for (kfunc, program_type) in table::KFUNC_PROGRAMS.pairs() {
        let first = table::KFUNCS
            .get(kfunc)
            .unwrap_or_else(|| panic!("{kfunc}"));
        assert!(seen.insert((kfunc, program_type)), "{kfunc} {program_type}");
        let entry = table::KFUNC_PROGRAMS
            .get(kfunc, program_type, first)
            .unwrap();
        let never = entry.since.is_none();
        assert!(never || first.since <= entry.since, "{kfunc}");
        let bare = program_type.split(':').next().unwrap();
        let known = table::PROGRAM_TYPES
            .iter()
            .any(|(_, entry)| entry.name == bare);
        assert!(known || program_type == "*", "{program_type}");
    }
}

#[test]
fn who_may_call_kernel_functions() {
    let since = |kfunc, program_type| {
        let first = table::KFUNCS.get(kfunc).unwrap();
        let entry = table::KFUNC_PROGRAMS.get(kfunc, program_type, first);
        entry.map(|entry| entry.since.map(|since| since.to_string()))
    };
    let some = |since: &str| Some(Some(since.to_owned()));
    assert_eq!(since("bpf_task_from_pid", "tracing"), some("6.2"));
    assert_eq!(since("bpf_task_from_pid", "syscall"), some("6.10"));
    assert_eq!(
        since("bpf_task_from_pid", "raw_tracepoint"),
        some("6.19 to 7.3")
    );
    assert_eq!(since("bpf_task_from_pid", "socket_filter"), Some(None));
    assert_eq!(since("bpf_rcu_read_lock", "socket_filter"), some("6.2"));
    // It depends on the structure and its function, and on the kind of probe.
    assert_eq!(since("scx_bpf_dsq_insert", "struct_ops"), None);
    assert_eq!(since("scx_bpf_kick_cpu", "struct_ops"), None);
    assert_eq!(
        since("scx_bpf_kick_cpu", "struct_ops:sched_ext_ops"),
        some("6.12")
    );
    assert_eq!(since("bpf_session_cookie", "kprobe"), None);
}

#[test]
fn tables_agree_with_the_btf_of_kernels() {
    let (rows, releases) = fixture(BTFS);
    for row in &rows {
        let [name, what, have] = row[..] else {
            panic!("{row:?}");
        };
        let table = match name {
            "tracepoints" => &table::TRACEPOINTS,
            "iterators" => &table::ITERATORS,
            "struct-ops" => &table::STRUCT_OPS,
            "syscalls" => &table::SYSCALLS,
            other => panic!("{other}"),
        };
        let since = table.get(what).unwrap().since.unwrap();
        let have: Vec<_> = have.split(' ').map(release).collect();
        for release in &releases {
            match have.contains(release) {
                true => assert_eq!(since.at(*release), Presence::There, "{row:?} {release}"),
                // Structures may be left out by the configuration.
                false if name == "struct-ops" => {}
                false => assert_eq!(since.at(*release), Presence::Absent, "{row:?} {release}"),
            }
        }
    }
}

fn fixture_object(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../cargo-ebpf/tests/objects");
    fs::read(format!("{folder}/{name}.o")).unwrap()
}

fn needs_of(name: &str) -> Requirements {
    Requirements::of(&fixture_object(name), &[], None).unwrap()
}

#[test]
fn an_object_needs_what_its_newest_program_needs() {
    let needs = needs_of("aya-btf");
    assert_eq!(needs.release, Some(release("5.19")));
    assert_eq!(needs.of_program("contention_begin"), Some(release("5.19")));
    assert_eq!(needs.of_program("pass"), Some(release("5.8")));
    assert_eq!(needs.of_program("none"), None);
    let first = &needs.programs[0];
    assert_eq!(first.without, Some(release("5.8")));
    let reasons: Vec<_> = needs.reasons().map(|reason| reason.name.as_str()).collect();
    assert_eq!(reasons, ["contention_begin"]);
}

#[test]
fn kernel_functions_need_their_release_also_undeclared() {
    for (name, since) in [("kernel_functions", "6.2"), ("undeclared_function", "5.18")] {
        let needs = needs_of(&format!("../linking/objects/{name}"));
        assert_eq!(needs.release, Some(release(since)), "{name}");
    }
}

#[test]
fn what_later_kernels_removed_is_an_end() {
    let needs = needs_of("../linking/objects/removed");
    let ends: Vec<_> = needs.ends().map(|end| end.name.as_str()).collect();
    assert_eq!(needs.last, Some(release("5.10")));
    assert_eq!(ends, ["kmalloc_node", "task_getsecid"]);
    let last = |name| {
        let program = needs.programs.iter().find(|one| one.name.as_str() == name);
        program.unwrap().last
    };
    assert_eq!(last("traces"), Some(release("5.10")));
    assert_eq!(last("traces_later"), Some(release("6.12")));
    assert_eq!(last("enters"), Some(release("6.1")));
    let predict = |program, version| needs.predict(program, release(version), Stage::Attach);
    assert_eq!(predict("secures", "5.10"), Prediction::Supported);
    assert!(matches!(predict("secures", "5.15"), Prediction::Unknown(_)));
    assert!(matches!(predict("secures", "6.1"), Prediction::Lacks(_)));
    assert_eq!(predict("traces_later", "6.12"), Prediction::Supported);
    assert!(matches!(
        predict("traces_later", "7.3"),
        Prediction::Lacks(_)
    ));
}

#[test]
fn predictions_name_what_is_lacking() {
    let needs = needs_of("aya-btf");
    let predict = |program, version, stage| needs.predict(program, release(version), stage);
    assert!(matches!(
        predict("contention_begin", "5.10", Stage::Load),
        Prediction::Lacks(lacking) if lacking.name.as_str() == "contention_begin"
    ));
    assert_eq!(
        predict("contention_begin", "5.19", Stage::Attach),
        Prediction::Supported
    );
    assert!(matches!(
        predict("pass", "5.7", Stage::Load),
        Prediction::Lacks(lacking) if lacking.since == Some("5.8".parse().unwrap())
    ));
    // Which kernels have a function is in no table; to load, it need not be known.
    assert_eq!(
        predict("unlink", "5.10", Stage::Load),
        Prediction::Supported
    );
    assert!(matches!(
        predict("unlink", "5.10", Stage::Attach),
        Prediction::Unknown(unknown) if unknown.kind == Kind::Function
    ));
}

#[test]
fn what_loaders_replace_binds_nobody() {
    let needs = needs_of("libbpf-el");
    let read = needs
        .requirements
        .iter()
        .find(|found| found.name.as_str() == "bpf_probe_read_kernel")
        .unwrap();
    assert!(read.softened && !read.binds());
    assert_eq!(needs.release, Some(release("6.8")));
    assert_eq!(needs.of_program("pass"), Some(release("5.12")));
}

#[test]
fn both_byte_orders_need_the_same() {
    assert_eq!(needs_of("libbpf-el"), needs_of("libbpf-eb"));
}

#[test]
fn a_given_kernel_is_asked_what_it_has() {
    let object = fixture_object("aya-btf");
    // Its own BTF is no kernel's, but BTF.
    let elf = crate::elf::Elf::parse(&object).unwrap();
    let (_, btf) = elf.section(".BTF").unwrap();
    assert!(Btf::parse(btf.data).is_ok());
    let needs = Requirements::of(&object, &[], Some(btf.data)).unwrap();
    let tracepoint = needs.reasons().next().unwrap();
    assert_eq!(tracepoint.in_btf, Some(false));
    let error = Requirements::of(&object, &[], Some(b"no BTF")).unwrap_err();
    assert_eq!(error.code(), "btf-unreadable");
}

/// Every byte of a header, a section's name or an instruction may be anybody's. The fuzz
/// targets try far more.
#[test]
fn damaged_objects_do_not_panic() {
    for name in ["aya-btf", "libbpf-el"] {
        let object = fixture_object(name);
        for at in (0..object.len()).step_by(11) {
            let mut damaged = object.clone();
            damaged[at] ^= 0xff;
            let _ = Requirements::of(&damaged, &[], None);
        }
        for end in (0..object.len()).step_by(97) {
            let _ = Requirements::of(&object[..end], &[], None);
        }
    }
}
