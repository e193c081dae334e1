use std::time::Instant;

use super::*;

const INLINED: &[u8] = include_bytes!("../../../cargo-ebpf/tests/verify/objects/inlined.o");
const PACKET: &[u8] = include_bytes!("../../../cargo-ebpf/tests/verify/objects/packet.o");
const TRACING: &[u8] = include_bytes!("../../../cargo-ebpf/tests/verify/objects/tracing.o");
const INLINED_LOG: &str = include_str!("../../../cargo-ebpf/tests/verify/logs/6.18-inlined.log");
const PACKET_LOG: &str = include_str!("../../../cargo-ebpf/tests/verify/logs/6.18-packet.log");
const LOOP_LOG: &str = include_str!("../../../cargo-ebpf/tests/verify/logs/6.18-loop.log");
const SHORT_LOG: &str = include_str!("../../../cargo-ebpf/tests/verify/logs/6.18-short.log");

fn refusal<'a>(program: &'a str, log: &'a str) -> Rejection<'a> {
    Rejection {
        program,
        section: "raw_tp/sys_enter",
        kernel: "6.18.44",
        error: 13,
        log,
        truncated: false,
    }
}

fn line(step: &Step) -> Option<u32> {
    step.place()?.line
}

#[test]
fn every_instruction_is_found_in_the_object() {
    let source = Source::of(INLINED);
    let code = source.0.program("count", "");
    let mut compared = 0;
    for event in
        INLINED_LOG
            .lines()
            .filter_map(|line| match crate::verifier_log::log::Line::of(line) {
                crate::verifier_log::log::Line::Event(event) => Some(event),
                _ => None,
            })
    {
        let EventKind::Instruction(index) = event.kind else {
            continue;
        };
        // The address of a map is the loader's.
        let ours = code.text(index).unwrap();
        if ours != "r1 = 0x0" {
            assert_eq!(Some(ours.as_str()), event.instruction());
            compared += 1;
        }
    }
    assert_eq!(compared, 12);
    assert_eq!(code.instruction(1000), None);
}

#[test]
fn functions_are_linked_behind_the_program() {
    let source = Source::of(TRACING);
    let linked = origin_of_all(TRACING);
    let with_calls: Vec<_> = linked
        .iter()
        .filter(|(_, origins)| {
            origins
                .iter()
                .any(|origin| Some(origin.section) != origins.first().map(|first| first.section))
        })
        .collect();
    assert!(!with_calls.is_empty());
    for (name, origins) in with_calls {
        let code = source.0.program(name, "");
        let last = u32::try_from(origins.len() - 1).unwrap();
        assert_eq!(code.text(last).as_deref(), Some("exit"), "{name}");
    }
}

fn origin_of_all(object: &[u8]) -> Vec<(String, Vec<crate::link::origin::Origin>)> {
    crate::link::origin::link(object)
        .into_iter()
        .map(|linked| {
            let origins = (0..).map_while(|index| linked.origin(index)).collect();
            (linked.name, origins)
        })
        .collect()
}

/// A large constant is rejected before the operator is.
#[test]
fn a_pointer_that_is_masked_is_arithmetic_that_is_not_allowed() {
    let log = |instruction: &str| {
        format!(
            "0: R1=ctx() R10=fp0\n\
             0: (61) r2 = *(u32 *)(r1 +0)          ; R1=ctx() R2=pkt(r=0)\n\
             1: (07) r2 += 17                      ; R2=pkt(off=17,r=0)\n\
             2: (18) r3 = 0x1fffffffc              ; R3=0x1fffffffc\n\
             4: {instruction}\n\
             math between pkt pointer and 8589934588 is not allowed\n\
             processed 4 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n"
        )
    };
    let code = |log: &str| Source::of(&[]).diagnose(&refusal("align", log)).code;
    assert_eq!(code(&log("(5f) r2 &= r3")), "pointer-arithmetic");
    assert_eq!(code(&log("(2f) r2 *= r3")), "pointer-arithmetic");
    assert_eq!(code(&log("(0f) r2 += r3")), "unbounded-index");
}

#[test]
fn a_refusal_in_an_inlined_function_has_the_whole_chain() {
    let diagnosis = Source::of(INLINED).diagnose(&refusal("count", INLINED_LOG));
    let at = diagnosis.instruction.unwrap();
    assert_eq!((at.index, line(&at)), (14, Some(34)));
    let functions: Vec<_> = at
        .frames
        .iter()
        .filter_map(|frame| Some(frame.function.as_ref()?.demangled().to_string()))
        .collect();
    assert_eq!(
        functions,
        ["inlined::add", "inlined::count::count", "count"]
    );
    let [r0, r6] = diagnosis.registers.as_slice() else {
        panic!("{:?}", diagnosis.registers);
    };
    assert_eq!((r0.name.as_str(), r0.named), ("r0", true));
    assert_eq!(
        r0.known.as_deref(),
        Some("a pointer into the 480-byte value of the map WAITS at an offset from 0 to 504")
    );
    assert_eq!((r6.name.as_str(), r6.named), ("r6", false));
    assert_eq!(r6.known.as_deref(), Some("a number from 0 to 504"));
    let mask = r6.story.iter().find(|step| line(step) == Some(23)).unwrap();
    assert_eq!(
        mask.note.as_ref().map(ToString::to_string).as_deref(),
        Some("returned by `bpf_get_prandom_u32`, then changed to a number from 0 to 63")
    );
}

/// The same as kernels before print it: without maps' names, source places, or registers
/// at each step.
#[test]
fn older_kernels_tell_the_same_story() {
    let steps = "0: (85) call bpf_get_prandom_u32#7\n1: (bf) r6 = r0\n2: (b7) r1 = 0\n3: (63) *(u32 *)(r10 -4) = r1\n4: (bf) r2 = r10\n5: (07) r2 += -4\n6: (18) r1 = 0xffff8881\n8: (85) call bpf_map_lookup_elem#1\n9: (55) if r0 != 0x0 goto pc+1\n R0_w=inv0 R6_w=inv(id=0) R10=fp0 fp-8=mmmm????\n10: (05) goto pc+6\n17: (b7) r0 = 0\n18: (95) exit\n";
    let registers = "R0_w=map_value(id=0,off=0,ks=4,vs=480,umax_value=504,var_off=(0x0; 0x1f8)) R6_w=inv(id=0,umax_value=504,var_off=(0x0; 0x1f8)) R10=fp0 fp-8=mmmm????";
    let end = format!(
        "14: (79) r1 = *(u64 *)(r0 +0)\n {registers}\ninvalid access to map value, value_size=480 off=504 size=8\nR0 max value is outside of the allowed memory range\nprocessed 16 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 1\n"
    );
    let taken_up = "\nfrom 9 to 11: R0_w=map_value(id=0,off=0,ks=4,vs=480,imm=0) R6_w=inv(id=0) R10=fp0 fp-8=mmmm????\n";
    let way = "11: (57) r6 &= 63\n12: (67) r6 <<= 3\n13: (0f) r0 += r6\n";
    // Level 1 of 5.10; level 2, with registers before each step; 6.1.
    let old = format!("{steps}{taken_up}{way}{end}");
    let full = format!("{steps}{taken_up}{way}14: {registers}\n{end}");
    let scalar = registers
        .replace("inv(", "scalar(")
        .replace("umax_value", "umax");
    let newer = format!(
        "{steps}{taken_up}11: (57) r6 &= 63                      ; R6_w=scalar(umax=63,var_off=(0x0; 0x3f))\n12: (67) r6 <<= 3\n13: (0f) r0 += r6                     ; {scalar}\n{end}"
    );
    for log in [old, full, newer] {
        let diagnosis = Source::of(INLINED).diagnose(&refusal("count", &log));
        assert_eq!(diagnosis.message.len(), 2, "{log}");
        assert_eq!(diagnosis.instruction.as_ref().and_then(line), Some(34));
        let r0 = diagnosis.registers.first().unwrap();
        assert_eq!(
            r0.known.as_deref(),
            Some("a pointer into the 480-byte value of a map at an offset from 0 to 504"),
            "{log}"
        );
        let told: Vec<_> = r0.story.iter().map(|step| step.index).collect();
        assert_eq!(told, [13, 8]);
        assert_eq!(
            r0.story
                .last()
                .and_then(|step| step.note.as_ref())
                .map(ToString::to_string)
                .as_deref(),
            Some("returned by `bpf_map_lookup_elem`, then compared with 0")
        );
    }
}

#[test]
fn what_no_kernel_says_yet_is_no_claim() {
    let log = INLINED_LOG.replace(
        "invalid access to map value, value_size=480 off=504 size=8\nR0 max value is outside of the allowed memory range",
        "R0 offends \u{1b}[31mthe verifier",
    );
    let diagnosis = Source::of(INLINED).diagnose(&refusal("count", &log));
    assert_eq!(diagnosis.code, UNKNOWN);
    assert_eq!((diagnosis.rule, diagnosis.hint), (None, None));
    assert_eq!(diagnosis.message, ["R0 offends \\u{1b}[31mthe verifier"]);
    assert_eq!(diagnosis.instruction.as_ref().and_then(line), Some(34));
}

#[test]
fn a_way_leaves_out_what_was_tried_between() {
    let log = Log::parse(
        "0: (b7) r1 = 1\n1: (15) if r0 == 0x0 goto pc+4\n2: (15) if r0 == 0x1 goto pc+2\n3: (b7) r1 = 3\n4: (95) exit\nfrom 2 to 5: R0=1\n5: (95) exit\nfrom 1 to 6: R0=0\n6: (bf) r2 = r1\n7: (95) exit\nR0 !read_ok\n",
    );
    let way: Vec<_> = log
        .path()
        .filter_map(|event| match event.kind {
            EventKind::Instruction(index) => Some(index),
            _ => None,
        })
        .collect();
    assert_eq!(way, [7, 6, 1, 0]);
}

#[test]
fn a_loop_is_taken_back_turn_by_turn() {
    let log = Log::parse(
        "0: (07) r1 += 1\n1: (15) if r0 == 0x0 goto pc+1\n2: (05) goto pc-3\n0: (07) r1 += 1\n1: (15) if r0 == 0x0 goto pc+1\n2: (b7) r9 = 9\nfrom 1 to 3: R0=0\n3: (95) exit\nfrom 1 to 3: R0=0\n3: (95) exit\n",
    );
    let way: Vec<_> = log
        .path()
        .filter_map(|event| match event.kind {
            EventKind::Instruction(index) => Some(index),
            _ => None,
        })
        .collect();
    assert_eq!(way, [3, 1, 0]);
}

#[test]
fn what_stands_before_a_log_is_not_its_message() {
    let log = Log::parse("verdict: refused\nerror: 22\n\nfunc#0 @0\n\nno exit\n");
    assert_eq!(log.message, ["no exit"]);
    // A log without a step.
    let log = Log::parse("verdict: refused\n\njump out of range from insn 2 to 9\n\n");
    assert_eq!(log.message, ["jump out of range from insn 2 to 9"]);
}

#[test]
fn a_message_tells_its_place() {
    let source = Source::of(PACKET);
    let at = |message: &str| {
        let log =
            format!("0: (61) r1 = *(u32 *)(r1 +0)\n1: (71) r1 = *(u8 *)(r1 +12)\n{message}\n");
        let step = source.diagnose(&refusal("unchecked", &log)).instruction;
        step.map(|step| step.index)
    };
    assert_eq!(at("R1 invalid mem access 'scalar'"), Some(1));
    assert_eq!(at("unreachable insn 4"), Some(4));
    assert_eq!(at("jump out of range from insn 3 to 9"), Some(3));
    assert_eq!(at("Unreleased reference id=2 alloc_insn=2"), Some(2));
    assert_eq!(
        at("combined stack size of 2 calls is 640. Too large"),
        Some(0)
    );
    assert_eq!(at("unknown opcode 95"), Some(5));
    assert_eq!(
        at("BPF program is too large. Processed 1000001 insn"),
        Some(1)
    );
    let silent = source.diagnose(&refusal("unchecked", SHORT_LOG));
    // It may be anywhere; of this program not even the beginning is in its own crate.
    assert_eq!(silent.instruction.as_ref().and_then(Step::place), None);
    assert_eq!(
        silent.message,
        ["invalid bpf_context access off=16000 size=4"]
    );
}

#[test]
fn what_concerns_the_whole_program_is_at_its_function() {
    let log = "combined stack size of 2 calls is 640. Too large\n";
    let diagnosis = Source::of(INLINED).diagnose(&refusal("count", log));
    let at = diagnosis.instruction.unwrap();
    // Not the function around it that the macro makes, in line 20.
    assert_eq!(line(&at), Some(21));
    assert_eq!(diagnosis.registers, []);
}

/// `sched_switch` calls `count`, which is linked behind it.
#[test]
fn a_story_goes_through_calls() {
    let source = Source::of(TRACING);
    let story = |log: &str| -> Vec<(u32, String)> {
        let diagnosis = source.diagnose(&refusal("sched_switch", log));
        let register = diagnosis.registers.into_iter().next().unwrap();
        register
            .story
            .into_iter()
            .map(|step| (step.index, step.note.unwrap().to_string()))
            .collect()
    };
    let call = "0: R1=ctx() R10=fp0\n0: (79) r1 = *(u64 *)(r1 +8)\n1: (18) r2 = 0xffff0000\n3: (79) r6 = *(u64 *)(r2 +0)\n4: (85) call pc+21\n";
    let inside = format!("{call}26: (7b) *(u64 *)(r10 -8) = r1\nR1 is not liked\n");
    assert_eq!(
        story(&inside),
        [
            (4, "passed to a function".to_owned()),
            (0, "read from the program's context".to_owned()),
        ]
    );
    let back = format!(
        "{call}26: (7b) *(u64 *)(r10 -8) = r1\n39: (79) r0 = *(u64 *)(r2 +0)\n40: (07) r0 += 1\n43: (95) exit\nfrom 43 to 5: R0=scalar() R6=scalar() R10=fp0\n5: (3d) if r6 >= r0 goto pc+18\n"
    );
    let returned = format!("{back}R0 is not liked\n");
    let story_of_r0 = story(&returned);
    assert_eq!(
        story_of_r0.last(),
        Some(&(39, "read from memory, then increased by 1".to_owned())),
        "{story_of_r0:?}"
    );
    // The caller's own registers are none of the function's business.
    let kept = format!("{back}R6 is not liked\n");
    assert_eq!(story(&kept), [(3, "read from memory".to_owned())]);
    // Registers of arguments do not survive.
    assert_eq!(
        story(&format!("{back}R1 is not liked\n")),
        [(4, "invalidated by a call here".to_owned())]
    );
}

#[test]
fn a_log_without_its_end_tells_no_instruction() {
    let source = Source::of(INLINED);
    let at = |log: &str| {
        let refusal = Rejection {
            truncated: true,
            ..refusal("count", log)
        };
        source
            .diagnose(&refusal)
            .instruction
            .as_ref()
            .and_then(line)
    };
    let beginning = "0: (85) call bpf_get_prandom_u32#7\n1: (bf) r6 = r0\n2: (b7\nBPF program is too large. Processed 1000001 insn\n";
    assert_eq!(at(beginning), Some(21));
    let end = "7) r1 = 0\n13: (0f) r0 += r6\n14: (79) r1 = *(u64 *)(r0 +0)\nBPF program is too large. Processed 1000001 insn\n";
    assert_eq!(at(end), Some(34));
}

#[test]
fn a_register_that_nothing_set_is_said() {
    let log = "0: (61) r1 = *(u32 *)(r1 +0)\n1: (71) r1 = *(u8 *)(r1 +12)\nR1 !read_ok\n";
    let diagnosis = Source::of(PACKET).diagnose(&refusal("unchecked", log));
    let known = diagnosis
        .registers
        .first()
        .and_then(|r1| r1.known.as_deref());
    assert_eq!(known, Some("not initialised on this path"));
}

#[test]
fn nothing_makes_it_panic() {
    let logs = [
        INLINED_LOG,
        PACKET_LOG,
        LOOP_LOG,
        SHORT_LOG,
        "",
        "from 0 to 0: \n",
    ];
    for log in logs {
        for end in (0..log.len()).step_by(7) {
            let Some(part) = log.get(end..) else { continue };
            let _ = Source::of(b"").diagnose(&refusal("count", part));
        }
    }
    let source = Source::of(INLINED);
    let mut seed = 1_u64;
    for _ in 0..500 {
        let mut log = INLINED_LOG.as_bytes().to_vec();
        for _ in 0..8 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = usize::try_from(seed >> 33).unwrap() % log.len();
            if let Some(byte) = log.get_mut(at) {
                *byte = b"\n:;()=_R0f1- "[usize::try_from(seed >> 20).unwrap() % 13];
            }
        }
        let log = String::from_utf8_lossy(&log);
        let _ = source.diagnose(&refusal("count", &log));
    }
    for at in (0..INLINED.len()).step_by(2999) {
        let mut object = INLINED.to_vec();
        object[at] ^= 0xff;
        let _ = Source::of(&object).diagnose(&refusal("count", INLINED_LOG));
        let _ = Source::of(&INLINED[..at]).diagnose(&refusal("count", INLINED_LOG));
    }
}

#[test]
fn cost_is_counted_by_source_line() {
    let mut counts = vec![0; 16];
    (counts[14], counts[11], counts[12]) = (9, 1, 1);
    let visits = Visits {
        counts,
        truncated: false,
    };
    let lines = Source::of(INLINED)
        .hot("count", "raw_tp/sys_enter", &visits)
        .lines;
    let found: Vec<_> = lines
        .iter()
        .map(|cost| (cost.frames[0].line, cost.processed))
        .collect();
    // Instruction 12 is in `get_unchecked_mut`, which line 34 calls.
    assert_eq!(found, [(Some(34), 10), (Some(23), 1)]);
    assert!((lines[0].share - 10.0 / 11.0).abs() < 1e-9);
}

/// Prints how long a log of 16 MiB takes and how much memory: `benches/pipeline` runs
/// `cargo test --release -p ebpf-diagnosis --lib large_log -- --ignored --nocapture`.
#[test]
#[ignore = "measures; to be run by hand in a release build"]
#[expect(clippy::print_stderr, reason = "a measurement")]
fn measures_a_large_log() {
    const SIZE: usize = 16 << 20;
    let source = Source::of(INLINED);
    source.diagnose(&refusal("count", INLINED_LOG));
    let turn = "11: (57) r6 &= 63                     ; R6=scalar(smin=smin32=0,smax=umax=smax32=umax32=63,var_off=(0x0; 0x3f))\n12: (67) r6 <<= 3\nfrom 9 to 11: R0=map_value(map=WAITS,ks=4,vs=480) R6=scalar()\n";
    let short = "11: (57)\n";
    for (name, turn) in [("usual lines", turn), ("shortest lines", short)] {
        let mut log = String::with_capacity(SIZE + 4096);
        while log.len() < SIZE {
            log += turn;
        }
        log += INLINED_LOG;
        let start = Instant::now();
        let diagnosis = source.diagnose(&refusal("count", &log));
        let took = start.elapsed().as_secs_f64();
        assert_eq!(diagnosis.message.len(), 2);
        eprintln!("{name}: {took:.3} s, {} KiB at most", peak());
    }
}

/// The most memory this process ever had, in KiB: VmHWM of proc_pid_status(5).
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse().ok())
        .unwrap_or(0)
}
