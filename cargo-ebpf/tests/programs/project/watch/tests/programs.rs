//! The programs, run on packets that are made here.

use ebpf_test::{
    ErrorKind, Input,
    aya::maps::{Array, HashMap},
};
use etherparse::PacketBuilder;
use watch::OBJECT;

type Tested = Result<(), Box<dyn std::error::Error>>;

const XDP_DROP: u32 = 1;
const XDP_PASS: u32 = 2;

fn packet_to(port: u16) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ethernet2([1; 6], [2; 6])
        .ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
        .udp(4000, port)
        .write(&mut packet, b"words")
        .expect("a Vec takes all");
    packet
}

#[test]
fn packets_for_a_blocked_port_are_dropped() -> Tested {
    let mut ebpf = ebpf_test::load(OBJECT)?;
    let mut blocked: HashMap<_, u16, u8> = ebpf.map_mut("BLOCKED").ok_or("no map")?.try_into()?;
    blocked.insert(53_u16.to_be(), 1, 0)?;

    let dropped = ebpf_test::run(&mut ebpf, "watch", &Input::packet(&packet_to(53)))?;
    let passed = ebpf_test::run(&mut ebpf, "watch", &Input::packet(&packet_to(80)))?;

    assert_eq!(dropped.return_value, XDP_DROP);
    assert_eq!(passed.return_value, XDP_PASS);
    assert_eq!(passed.packet, packet_to(80));
    let counts: Array<_, u64> = ebpf.map("COUNTS").ok_or("no map")?.try_into()?;
    assert_eq!((counts.get(&0, 0)?, counts.get(&1, 0)?), (1, 1));
    Ok(())
}

#[test]
fn a_run_can_be_repeated_and_measured() -> Tested {
    let mut ebpf = ebpf_test::load(OBJECT)?;
    let packet = packet_to(80);
    let run = ebpf_test::run(&mut ebpf, "watch", &Input::packet(&packet).repeat(1000))?;
    assert!(run.duration.as_nanos() > 0);
    let counts: Array<_, u64> = ebpf.map("COUNTS").ok_or("no map")?.try_into()?;
    assert_eq!(counts.get(&0, 0)?, 1000);
    Ok(())
}

#[test]
fn a_classifier_changes_its_context() -> Tested {
    // struct __sk_buff (include/uapi/linux/bpf.h): the mark is its third word.
    const MARK: std::ops::Range<usize> = 8..12;
    let mut ebpf = ebpf_test::load(OBJECT)?;
    let packet = packet_to(80);
    let context = [0; 192];
    let input = Input::packet(&packet).context(&context);
    let run = ebpf_test::run(&mut ebpf, "mark", &input)?;
    assert_eq!(run.return_value, 0);
    let mark = u32::from_ne_bytes(run.context[MARK].try_into()?);
    assert_eq!(mark as usize, packet.len());
    Ok(())
}

#[test]
fn a_raw_tracepoint_has_its_arguments() -> Tested {
    let mut ebpf = ebpf_test::load(OBJECT)?;
    let run = ebpf_test::run(&mut ebpf, "keep", &Input::arguments(&[3, u64::MAX]))?;
    assert_eq!(run.return_value, 0);
    let seen: Array<_, u64> = ebpf.map("SEEN").ok_or("no map")?.try_into()?;
    assert_eq!((seen.get(&0, 0)?, seen.get(&1, 0)?), (3, u64::MAX));
    Ok(())
}

#[test]
fn what_the_kernel_would_refuse_is_said_first() -> Tested {
    let mut ebpf = ebpf_test::load(OBJECT)?;
    let error = ebpf_test::run(&mut ebpf, "watch", &Input::packet(&[0; 13])).unwrap_err();
    assert!(error.to_string().contains("14 or more"), "{error}");
    assert_eq!(error.kind(), ErrorKind::Input);
    let error = ebpf_test::run(&mut ebpf, "wach", &Input::packet(&[0; 14])).unwrap_err();
    assert!(error.to_string().contains("only: "), "{error}");
    assert_eq!(error.kind(), ErrorKind::ProgramMissing);
    let error = ebpf_test::run(&mut ebpf, "keep", &Input::arguments(&[0; 13])).unwrap_err();
    assert!(error.to_string().contains("at most 12"), "{error}");
    Ok(())
}

#[test]
fn a_test_can_expect_a_rejection() -> Tested {
    let mut ebpf = ebpf_test::load(OBJECT)?;
    let error = ebpf_test::run(&mut ebpf, "unchecked", &Input::packet(&packet_to(80))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    let diagnosis = error.diagnosis().ok_or("no diagnosis")?;
    assert_eq!(diagnosis.code, "packet-bounds");
    Ok(())
}

#[test]
fn kernels_before_6_6_skip_this() {
    ebpf_test::require_kernel(6, 6);
}

#[test]
fn no_kernel_runs_this() {
    ebpf_test::skip("it needs a \u{1b}[31mmoon");
}
