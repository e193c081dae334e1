//! Kept logs, as somebody would send them, are explained as they were diagnosed.

use super::{
    Diagnosis, Source,
    rejections::{self, KERNELS},
};
use crate::verifier_log::printed;

/// What a log alone does not contain is left out.
fn comparable(diagnosis: Diagnosis) -> Diagnosis {
    Diagnosis {
        kernel: String::new(),
        error: 0,
        ..diagnosis
    }
}

#[test]
fn a_log_alone_is_explained_as_verify_does() {
    let mut compared = 0;
    for program in rejections::all() {
        for kernel in KERNELS {
            let answer = program.answer(kernel);
            if !answer.is_refusal() || answer.noted("log") == Some("truncated") {
                continue;
            }
            let diagnosed = comparable(program.diagnosis(kernel, &answer));
            let source = Source::of(program.object());
            let printed_by_libbpf = format!(
                "libbpf: prog '{name}': -- BEGIN PROG LOAD LOG --\n{log}\
                 -- END PROG LOAD LOG --\n\
                 libbpf: prog '{name}': failed to load: -{error}\n",
                name = diagnosed.program,
                log = answer.log(),
                error = answer.noted("error").unwrap(),
            );
            for text in [answer.log(), &printed_by_libbpf] {
                let logs = printed::logs(text);
                let [log] = logs.as_slice() else {
                    panic!("{} on {kernel}: {} logs", program.code, logs.len());
                };
                let explained = comparable(source.explain(log));
                assert_eq!(explained, diagnosed, "{} on {kernel}", program.code);
                compared += 1;
            }
        }
    }
    assert!(compared >= 20, "{compared}");
}

#[test]
fn without_the_object_a_log_still_has_its_class() {
    let programs = rejections::all();
    let program = programs
        .iter()
        .find(|program| program.code == "packet-bounds");
    let answer = program.unwrap().answer("6.18");
    let logs = printed::logs(answer.log());
    let diagnosis = Source::of(b"").explain(&logs[0]);
    assert_eq!(diagnosis.code, "packet-bounds");
    assert_eq!(diagnosis.program, "");
    assert!(!diagnosis.message.is_empty());
}
