//! The model against the objects in `tests/objects`, whole and broken.

use super::{disassembly::listings, lines::Lines, map::Definition, *};

const AYA_BTF: &[u8] = include_bytes!("../../cargo-ebpf/tests/objects/aya-btf.o");
const AYA_LEGACY: &[u8] = include_bytes!("../../cargo-ebpf/tests/objects/aya-legacy.o");
const LIBBPF: &[u8] = include_bytes!("../../cargo-ebpf/tests/objects/libbpf-el.o");
const LIBBPF_BIG: &[u8] = include_bytes!("../../cargo-ebpf/tests/objects/libbpf-eb.o");
const ALL: [&[u8]; 4] = [AYA_BTF, AYA_LEGACY, LIBBPF, LIBBPF_BIG];

fn program<'o>(object: &'o Object, name: &str) -> &'o Program {
    let named = |program: &&Program| program.function.name.as_str() == name;
    object.programs.iter().find(named).unwrap()
}

fn definition<'o>(object: &'o Object, name: &str) -> &'o Definition {
    let map = object
        .maps
        .iter()
        .find(|map| map.name.as_str() == name)
        .unwrap();
    map.definition.as_ref().unwrap()
}

fn names(names: &BTreeSet<Name>) -> Vec<&str> {
    names.iter().map(Name::as_str).collect()
}

#[test]
fn header_in_the_words_of_file() {
    for (bytes, words) in [
        (
            LIBBPF,
            "ELF 64-bit LSB relocatable, eBPF, version 1 (SYSV), with debug_info, not stripped",
        ),
        (
            LIBBPF_BIG,
            "ELF 64-bit MSB relocatable, eBPF, version 1 (SYSV), with debug_info, not stripped",
        ),
        (
            AYA_BTF,
            "ELF 64-bit LSB relocatable, eBPF, version 1 (SYSV), not stripped",
        ),
    ] {
        assert_eq!(Object::parse(bytes).unwrap().header.to_string(), words);
    }
}

#[test]
fn summaries() {
    let summaries = ALL.map(|bytes| {
        let Summary {
            size,
            programs,
            maps,
            instructions,
        } = Object::parse(bytes).unwrap().summary();
        assert_eq!(size, bytes.len() as u64);
        (programs, maps, instructions)
    });
    assert_eq!(summaries, [(3, 4, 94), (1, 2, 62), (3, 1, 30), (3, 1, 30)]);
}

#[test]
fn a_program_counts_what_it_reaches() {
    let object = Object::parse(AYA_BTF).unwrap();
    let unlink = program(&object, "unlink");
    assert_eq!(unlink.function.instructions, 6);
    assert_eq!(unlink.loaded_instructions, 16);
    assert_eq!(names(&unlink.references.helpers), ["bpf_map_update_elem"]);
    assert_eq!(names(&unlink.references.maps), [".rodata", "COUNTS"]);
    let hook = unlink.hook.as_ref().unwrap();
    assert_eq!(hook.describe(), "entry of kernel function do_unlinkat");
}

#[test]
fn programs_in_one_section_are_told_apart() {
    for bytes in [LIBBPF, LIBBPF_BIG] {
        let object = Object::parse(bytes).unwrap();
        let (pass, drop) = (program(&object, "pass"), program(&object, "drop"));
        assert_eq!(pass.function.section_index, drop.function.section_index);
        assert_eq!((pass.function.offset, pass.function.instructions), (0, 6));
        assert_eq!((drop.function.offset, drop.function.instructions), (48, 3));
        assert_eq!(names(&pass.references.maps), [".bss"]);
        assert_eq!(names(&drop.references.kfuncs), ["bpf_task_from_pid"]);
        assert_eq!(names(&object.externs), ["bpf_task_from_pid"]);
        assert!(object.unresolved.is_empty());
        let leave = program(&object, "leave");
        assert_eq!(names(&leave.references.subprograms), ["share"]);
        assert_eq!(
            names(&leave.references.helpers),
            ["bpf_map_delete_elem", "bpf_probe_read_kernel"]
        );
    }
}

#[test]
fn maps_of_every_style() {
    let btf = Object::parse(AYA_BTF).unwrap();
    let counts = definition(&btf, "COUNTS");
    assert_eq!(
        (
            &*counts.map_type,
            counts.key_size,
            counts.value_size,
            counts.max_entries
        ),
        ("hash", 8, 12, 1024)
    );
    // Keys and values take multiples of eight bytes: 8 + 16.
    assert_eq!(
        counts.memory,
        Memory {
            bytes: 24 * 1024,
            per_cpu: false
        }
    );
    assert_eq!(
        definition(&btf, "PER_CPU").memory,
        Memory {
            bytes: 512,
            per_cpu: true
        }
    );
    assert_eq!(
        definition(&btf, "EVENTS").memory,
        Memory {
            bytes: 65536,
            per_cpu: false
        }
    );
    assert_eq!(definition(&btf, ".rodata").flags, 128);

    let legacy = Object::parse(AYA_LEGACY).unwrap();
    let switches = definition(&legacy, "SWITCHES");
    assert_eq!(
        (
            &*switches.map_type,
            switches.key_size,
            switches.value_size,
            switches.max_entries,
            switches.flags
        ),
        ("hash", 4, 8, 64, 1)
    );
    assert!(!switches.pinned);
    let latest = definition(&legacy, "LATEST");
    assert_eq!(
        (&*latest.map_type, latest.pinned),
        ("lru_percpu_hash", true)
    );
    assert!(legacy.maps.iter().any(|map| map.style == Style::Legacy));

    for bytes in [LIBBPF, LIBBPF_BIG] {
        let object = Object::parse(bytes).unwrap();
        let pids = definition(&object, "pids");
        assert_eq!(
            (
                &*pids.map_type,
                pids.key_size,
                pids.value_size,
                pids.max_entries
            ),
            ("lru_hash", 4, 8, 512)
        );
    }
}

#[test]
fn type_information_is_counted() {
    for bytes in [LIBBPF, LIBBPF_BIG] {
        assert_eq!(
            Object::parse(bytes).unwrap().btf,
            Some(BtfSummary {
                types: 32,
                ext: Some(BtfExtSummary {
                    func_infos: 4,
                    line_infos: 15,
                    core_relocations: 1,
                }),
            })
        );
    }
}

#[test]
fn without_btf_the_rest_is_still_read() {
    let object = Object::parse(&renamed(AYA_BTF, b".BTF", b".XXX")).unwrap();
    assert_eq!(object.btf, None);
    assert_eq!(object.programs.len(), 3);
    let counts = object
        .maps
        .iter()
        .find(|map| map.name.as_str() == "COUNTS")
        .unwrap();
    assert_eq!(counts.definition, None);
    assert!(object.findings.is_empty());
}

#[test]
fn an_undefined_symbol_is_unresolved_unless_btf_declares_it() {
    let object = Object::parse(&renamed(LIBBPF, b".BTF", b".XXX")).unwrap();
    assert_eq!(names(&object.unresolved), ["bpf_task_from_pid"]);
}

#[test]
fn damaged_btf_is_told() {
    let mut bytes = LIBBPF.to_vec();
    let magic = bytes
        .windows(3)
        .position(|window| window == [0x9f, 0xeb, 1])
        .unwrap();
    bytes[magic] = 0;
    let object = Object::parse(&bytes).unwrap();
    assert_eq!(object.btf, None);
    assert_eq!(object.findings[0].code, "btf-damaged");
}

/// The frames of an instruction as `function line:column`.
fn frames(bytes: &[u8], name: &str, index: u64) -> Vec<String> {
    let object = Object::parse(bytes).unwrap();
    let lines = Lines::of(&Elf::parse(bytes).unwrap());
    let function = &program(&object, name).function;
    lines
        .at(
            function.section_index,
            function.offset + index * instruction::SLOT,
        )
        .into_iter()
        .map(|frame| {
            let function = frame.function.unwrap_or_default();
            let (line, column) = (
                frame.line.unwrap_or_default(),
                frame.column.unwrap_or_default(),
            );
            format!("{function} {line}:{column}")
        })
        .collect()
}

#[test]
fn dwarf_gives_the_chain_of_inlined_functions() {
    for bytes in [LIBBPF, LIBBPF_BIG] {
        // bpf_probe_read_kernel, which tgid_of calls, which was inlined into leave.
        assert_eq!(frames(bytes, "leave", 8), ["tgid_of 21:2", "leave 32:13"]);
        assert_eq!(frames(bytes, "leave", 16), ["leave 33:9"]);
        // Both begin at address 0 of their sections.
        assert_eq!(frames(bytes, "pass", 3), ["pass 38:2"]);
        assert_eq!(frames(bytes, "drop", 1), ["drop 44:9"]);
    }
}

#[test]
fn btf_gives_the_line_where_dwarf_is_absent() {
    for bytes in [LIBBPF, LIBBPF_BIG] {
        let without = renamed(bytes, b".debug_info", b".xxxxx_info");
        assert_eq!(frames(&without, "leave", 8), ["leave 21:2"]);
        assert_eq!(frames(&without, "drop", 1), ["drop 44:9"]);
    }
    assert!(frames(AYA_BTF, "unlink", 0)[0].starts_with("unlink "));
}

#[test]
fn listings_say_what_is_referred_to() {
    for bytes in [LIBBPF, LIBBPF_BIG] {
        let object = Object::parse(bytes).unwrap();
        let listings = listings(bytes, &object).unwrap();
        let notes: Vec<_> = listings
            .iter()
            .flat_map(|listing| &listing.code)
            .filter_map(|line| Some(format!("{}: {}", line.text, line.note.as_ref()?)))
            .collect();
        assert_eq!(
            notes,
            [
                "r1 = 4: CO-RE: offset of task.tgid",
                "r1 = 0x0: map pids",
                "call pc-1: share",
                "r2 = 0x0: map .bss",
                "call pc-1: extern bpf_task_from_pid",
            ]
        );
    }
}

#[test]
fn cut_short_at_any_byte_it_is_refused() {
    for bytes in ALL {
        for len in 0..bytes.len() {
            let error = Object::parse(&bytes[..len]).unwrap_err();
            let expected = if len == 0 {
                "object-empty"
            } else {
                "object-truncated"
            };
            assert_eq!(error.code(), expected, "at {len}: {error}");
            assert!(error.finding().fix.is_some());
        }
    }
}

#[test]
fn other_files_are_refused_by_what_they_are() {
    let mut x86 = LIBBPF.to_vec();
    x86[18] = 62;
    let mut narrow = LIBBPF.to_vec();
    narrow[4] = 1;
    for (bytes, code, cause) in [
        (
            &x86[..],
            "object-not-bpf",
            "it is an ELF 64-bit LSB relocatable, x86-64, version 1 (SYSV)",
        ),
        (
            &narrow,
            "object-not-bpf",
            "it is an ELF 32-bit LSB relocatable, eBPF, version 1 (SYSV)",
        ),
        (
            b"BC\xc0\xde0000",
            "object-not-elf",
            "it is LLVM bitcode: bpf-linker has not linked it yet",
        ),
        (
            b"!<arch>\n",
            "object-not-elf",
            "it is an archive of objects, such as an .rlib",
        ),
        (
            b"\x7fE?",
            "object-not-elf",
            "it begins with the bytes 7f 45 3f, not with 7f 45 4c 46",
        ),
    ] {
        let error = Object::parse(bytes).unwrap_err();
        assert_eq!(error.code(), code);
        assert_eq!(error.finding().cause.as_deref(), Some(cause));
    }
}

#[test]
fn sections_that_overlap_are_refused() {
    let mut bytes = LIBBPF.to_vec();
    let table = usize::from(u16::from_le_bytes([bytes[40], bytes[41]]));
    // Two sections, each as large as the file.
    for section in [1, 2] {
        let at = table + section * 64;
        let len = (bytes.len() as u64).to_le_bytes();
        bytes[at + 24..at + 32].fill(0);
        bytes[at + 32..at + 40].copy_from_slice(&len);
    }
    let error = Object::parse(&bytes).unwrap_err();
    assert_eq!(error.code(), "object-damaged", "{error}");
}

/// Whatever is changed in an object, reading it ends, and with an answer.
#[test]
fn mutated_objects_are_read_or_refused() {
    // xorshift64 with a fixed seed: the same mutations in every run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let (mut read, mut refused) = (0, 0);
    for round in 0..20_000 {
        let mut bytes = ALL[round % ALL.len()].to_vec();
        for _ in 0..=random(4) {
            // Headers are small, and most depends on them: every other change goes there.
            let table =
                usize::from(u16::from_le_bytes([bytes[40], bytes[41]])).min(bytes.len() - 1);
            let at = match random(2) {
                0 => random(bytes.len()),
                _ => table + random(bytes.len() - table),
            };
            bytes[at] = match random(3) {
                0 => 0xff,
                1 => bytes[at] ^ (1 << random(8)),
                _ => u8::try_from(random(256)).unwrap(),
            };
        }
        match Object::parse(&bytes) {
            Ok(object) => {
                read += 1;
                // Costs ten times as much.
                if round % 8 == 0 {
                    listings(&bytes, &object).unwrap();
                }
            }
            Err(error) => {
                refused += 1;
                assert!(error.code().starts_with("object-"), "{error}");
            }
        }
    }
    assert!(
        read > 1000 && refused > 1000,
        "{read} read, {refused} refused"
    );
}

/// `bytes` with every `from` replaced, such as the name of a section.
fn renamed(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut renamed = bytes.to_vec();
    for at in 0..bytes.len() {
        if bytes[at..].starts_with(from) {
            renamed[at..at + to.len()].copy_from_slice(to);
        }
    }
    renamed
}
