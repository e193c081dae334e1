//! Objects that the kernel accepts, or accepts in part.

use std::fs;

use serde_json::Value;

use crate::folder::{Checked, Folder, ensure, fixture, place, program, said, verdict};

pub(crate) fn accepts_btf_maps_globals_and_calls(folder: &Folder) -> Checked {
    let (object, code) = folder.json(&fixture("tracing.o"))?;
    ensure(
        code == 0 && object["findings"] == Value::Array(Vec::new()),
        "accepted",
        &object,
    )?;
    for name in ["sched_switch", "sys_enter"] {
        let program = program(&object, name)?;
        ensure(program["verdict"] == "accepted", "verdict", program)?;
        let figure = |name: &str| program["statistics"][name].as_u64().unwrap_or(0);
        // A program with a call is more than its own instructions, and a call has a
        // stack of its own.
        ensure(
            figure("processed_instructions") > 20,
            "instructions processed",
            program,
        )?;
        ensure(figure("jit_bytes") > 50, "JIT size", program)?;
        ensure(
            program["statistics"]["stack_depths"]
                .as_array()
                .map(Vec::len)
                == Some(2),
            "stacks",
            program,
        )?;
        ensure(
            program["statistics"]["verification_us"].is_u64(),
            "time",
            program,
        )?;
        ensure(
            program["statistics"]["peak_states"].is_u64(),
            "states",
            program,
        )?;
    }
    Ok(())
}

pub(crate) fn accepts_legacy_maps(folder: &Folder) -> Checked {
    let (object, code) = folder.json(&fixture("legacy.o"))?;
    ensure(
        code == 0 && verdict(&object, "on_switch")? == "accepted",
        "accepted",
        &object,
    )
}

pub(crate) fn accepts_an_object_without_btf(folder: &Folder) -> Checked {
    let (object, code) = folder.json(&fixture("plain.o"))?;
    let program = program(&object, "classify")?;
    ensure(
        code == 0 && program["type"] == "sched_cls" && program["section"] == "tc",
        "accepted",
        &object,
    )?;
    ensure(
        program["statistics"]["processed_instructions"] == 2,
        "two instructions",
        program,
    )
}

/// The object reads a pid where no task has one, unless CO-RE is applied.
pub(crate) fn relocates_accesses_of_a_c_object(folder: &Folder) -> Checked {
    let (object, code) = folder.json(&fixture("core.o"))?;
    ensure(
        code == 0 && verdict(&object, "on_exit")? == "accepted",
        "accepted",
        &object,
    )?;

    // The same without its relocations: a header of .BTF.ext of 32 bytes says last how
    // long they are.
    let mut bytes = fs::read(fixture("core.o"))?;
    let header: Vec<u8> = [
        0xeb9f_u16.to_ne_bytes().as_slice(),
        &[1, 0],
        &32_u32.to_ne_bytes(),
    ]
    .concat();
    let at = bytes
        .windows(8)
        .position(|window| window == header)
        .ok_or("no .BTF.ext")?;
    bytes[at + 28..at + 32].fill(0);
    let (object, _) = folder.json(&folder.write("unrelocated.o", &bytes)?)?;
    let refused = program(&object, "on_exit")?;
    ensure(
        said(refused).contains("access beyond struct task_struct at off 30000"),
        "refused",
        refused,
    )?;
    let place = place(refused);
    ensure(
        place["file"] == "./core.c" && place["line"] == 8,
        "C line",
        refused,
    )
}

pub(crate) fn tells_a_failed_map_from_a_failed_program(folder: &Folder) -> Checked {
    let (object, code) = folder.json(&fixture("nested.o"))?;
    ensure(code == 1, "exit code", &code)?;
    ensure(
        verdict(&object, "looks_up")? == "accepted",
        "map of maps",
        &object,
    )?;
    ensure(
        object["findings"][0]["code"] == "map-refused",
        "finding",
        &object,
    )?;
    let failed = program(&object, "uses_impossible")?;
    let cause = failed["why"]["cause"].as_str().unwrap_or_default();
    ensure(
        failed["verdict"] == "not-tried" && cause.contains("`IMPOSSIBLE` (hash)"),
        "why",
        failed,
    )
}

pub(crate) fn loads_sections_that_aya_does_not_know(folder: &Folder) -> Checked {
    let (object, code) = folder.json(&fixture("sections.o"))?;
    ensure(code == 1, "exit code", &code)?;
    ensure(verdict(&object, "classify")? == "accepted", "tc", &object)?;
    let by_hand = verdict(&object, "by_hand")?;
    ensure(
        by_hand == "accepted" || by_hand == "unsupported",
        "syscall, from Linux 5.14 on",
        &object,
    )?;
    for (name, message) in [
        ("replace", "replaces a function"),
        ("unknown", "`nobody/knows` does not contain"),
    ] {
        let program = program(&object, name)?;
        let said = program["why"]["message"].as_str().unwrap_or_default();
        ensure(
            program["verdict"] == "not-tried" && said.contains(message),
            name,
            program,
        )?;
    }
    let outside = program(&object, "outside")?;
    let file = place(outside)["file"].as_str().unwrap_or_default();
    ensure(
        outside["verdict"] == "refused" && file.ends_with(".rs"),
        "source in a section of another name",
        outside,
    )
}

pub(crate) fn says_what_this_kernel_has_no_place_for(folder: &Folder) -> Checked {
    let (object, code) = folder.json(&fixture("trampoline.o"))?;
    ensure(
        code == 1 && verdict(&object, "on_switch")? == "accepted",
        "tp_btf",
        &object,
    )?;
    // With trampolines: accepted. Without: not supported, and said why.
    let fentry = program(&object, "on_vfs_read")?;
    let why = fentry["why"]["message"].as_str().unwrap_or_default();
    ensure(
        fentry["verdict"] == "accepted"
            || (fentry["verdict"] == "unsupported" && why.contains("trampoline")),
        "fentry",
        fentry,
    )?;
    let nothing = program(&object, "on_nothing")?;
    let why = nothing["why"]["message"].as_str().unwrap_or_default();
    ensure(
        nothing["verdict"] == "unsupported"
            && why.contains("has no tracepoint `no_such_tracepoint`"),
        "target",
        nothing,
    )?;
    ensure(
        verdict(&object, "on_something")? == "not-tried",
        "no target named",
        &object,
    )
}

/// The limit is a second; most of the time goes to starting a process.
pub(crate) fn is_quick(folder: &Folder) -> Checked {
    let start = std::time::Instant::now();
    folder.human(&fixture("tracing.o"))?;
    ensure(
        start.elapsed().as_secs() < 1,
        "under a second",
        &start.elapsed(),
    )
}
