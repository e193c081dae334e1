//! Verifier logs in text that somebody sends: the output of a loader, a file, or several
//! of them in a row. What loaders print around a log is left out.

use super::{
    log::Line,
    statistics::{Statistics, is_figure},
};

/// A verifier log that was found in text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Printed {
    /// The program's name, where the loader prints one.
    pub program: Option<String>,
    /// The error number that the system call returned, where the loader prints one.
    pub error: Option<i32>,
    /// The log.
    pub log: String,
}

/// How libbpf begins and ends a log, and what it prints after it.
const LIBBPF_BEGIN: &str = "-- BEGIN PROG LOAD LOG --";
const LIBBPF_END: &str = "-- END PROG LOAD LOG --";
const LIBBPF_ERROR: &str = "failed to load: -";

/// How Aya's errors begin a log: `Display` and `Debug` of `ProgramError::LoadError`.
const AYA_BEGIN: [&str; 2] = ["Verifier output: ", "verifier_log: "];

/// Where Aya's errors have the number of the error.
const AYA_ERROR: [&str; 2] = ["(os error ", "Os { code: "];

/// The verifier logs in `text`, in order. Text without a log is none.
pub fn logs(text: &str) -> Vec<Printed> {
    let mut reader = Reader::default();
    text.lines().for_each(|line| reader.read(line));
    reader.end();
    reader.found
}

#[derive(Debug, Default)]
struct Reader {
    found: Vec<Printed>,
    current: Printed,
    /// Whether the current log was begun by a loader's words. Else it may be noise.
    is_marked: bool,
    /// Whether its last figures were read: what follows belongs to something else.
    is_over: bool,
}

impl Reader {
    fn read(&mut self, line: &str) {
        if let Some((before, _)) = line.split_once(LIBBPF_BEGIN) {
            self.begin();
            self.current.program = quoted(before);
            return;
        }
        if line.contains(LIBBPF_END) {
            self.end();
            return;
        }
        if let Some((before, error)) = line.split_once(LIBBPF_ERROR) {
            let program = quoted(before);
            self.end();
            if let Some(log) = self.found.last_mut()
                && log.program == program
            {
                log.error = number(error);
            }
            return;
        }
        for mark in AYA_BEGIN {
            if let Some((before, first)) = line.split_once(mark) {
                self.begin();
                let mut errors = AYA_ERROR.iter();
                self.current.error = errors.find_map(|mark| number(before.rsplit_once(mark)?.1));
                self.push(first);
                return;
            }
        }
        self.push(line);
    }

    /// A line of a log, or of what stands between two.
    fn push(&mut self, line: &str) {
        // cilium/ebpf indents the log below its own message.
        let line = line.strip_prefix('\t').unwrap_or(line);
        if self.is_over {
            if line.trim().is_empty() || Line::of(line) == Line::Message {
                return;
            }
            self.end();
        }
        self.current.log += line;
        self.current.log.push('\n');
        // The last line of every log that is whole.
        self.is_over = is_figure(line) && line.starts_with("processed ");
    }

    fn begin(&mut self) {
        self.end();
        self.is_marked = true;
    }

    fn end(&mut self) {
        let log = std::mem::take(&mut self.current);
        let is_step = |line| !matches!(Line::of(line), Line::Message | Line::Source);
        if self.is_marked && !log.log.trim().is_empty() || log.log.lines().any(is_step) {
            self.found.push(log);
        }
        self.is_marked = false;
        self.is_over = false;
    }
}

impl Printed {
    /// Whether the end is missing, as far as the log shows it.
    pub fn is_cut_off(&self) -> bool {
        Statistics::of(&self.log).processed_instructions.is_none()
            && self
                .log
                .lines()
                .rfind(|line| !line.trim().is_empty())
                .is_some_and(|line| matches!(Line::of(line), Line::Event(_)))
    }
}

/// The last name in single quotes: `libbpf: prog 'count': `.
fn quoted(text: &str) -> Option<String> {
    let (rest, _) = text.rsplit_once('\'')?;
    Some(rest.rsplit_once('\'')?.1.to_owned())
}

/// The number that text begins with.
fn number(text: &str) -> Option<i32> {
    let end = text.find(|c: char| !c.is_ascii_digit());
    text.get(..end.unwrap_or(text.len()))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: &str = include_str!("../../../cargo-ebpf/tests/verify/logs/6.18-packet.log");
    const INLINED: &str = include_str!("../../../cargo-ebpf/tests/verify/logs/6.18-inlined.log");

    #[test]
    fn a_plain_log_is_one() {
        let found = logs(PACKET);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].log, PACKET);
        assert_eq!(found[0].program, None);
        assert_eq!(found[0].error, None);
    }

    #[test]
    fn logs_in_a_row_are_told_apart() {
        let found = logs(&format!("{PACKET}and another one:\n{INLINED}"));
        let logs: Vec<_> = found.iter().map(|found| found.log.as_str()).collect();
        assert_eq!(logs, [PACKET, INLINED]);
    }

    #[test]
    fn what_libbpf_prints_around_a_log_is_read() {
        let printed = |name: &str, log: &str| {
            format!(
                "libbpf: prog '{name}': BPF program load failed: Permission denied\n\
                 libbpf: prog '{name}': -- BEGIN PROG LOAD LOG --\n{log}\
                 -- END PROG LOAD LOG --\n\
                 libbpf: prog '{name}': failed to load: -13\n\
                 libbpf: failed to load object 'a.o'\n"
            )
        };
        let found = logs(&(printed("packet", PACKET) + &printed("count", INLINED)));
        let expected = |name: &str, log: &str| Printed {
            program: Some(name.to_owned()),
            error: Some(13),
            log: log.to_owned(),
        };
        assert_eq!(
            found,
            [expected("packet", PACKET), expected("count", INLINED)]
        );
    }

    #[test]
    fn what_aya_prints_around_a_log_is_read() {
        let display = format!(
            "Error: the BPF_PROG_LOAD syscall returned Permission denied (os error 13). \
             Verifier output: {PACKET}\nCaused by:\n    Permission denied (os error 13)\n"
        );
        let debug = format!(
            "LoadError {{ io_error: Os {{ code: 13, kind: PermissionDenied, message: \
             \"Permission denied\" }}, verifier_log: {PACKET} }}\n"
        );
        for printed in [display, debug] {
            let found = logs(&printed);
            assert_eq!(found.len(), 1, "{printed}");
            assert_eq!(found[0].error, Some(13));
            assert_eq!(found[0].log.trim(), PACKET.trim());
        }
    }

    #[test]
    fn an_indented_log_is_read() {
        let indented: String = PACKET.lines().map(|line| format!("\t{line}\n")).collect();
        let found = logs(&format!("load program: permission denied:\n{indented}"));
        assert_eq!(found.len(), 1);
        assert!(found[0].log.ends_with(PACKET));
    }

    #[test]
    fn other_text_is_no_log() {
        assert_eq!(logs(""), []);
        assert_eq!(logs("Error: no such file\n\nBacktrace:\n  at main\n"), []);
    }

    #[test]
    fn a_log_without_its_end_is_cut_off() {
        let steps = |text: &str| logs(text).remove(0).is_cut_off();
        assert!(steps("0: R1=ctx() R10=fp0\n0: (bf) r6 = r1\n"));
        assert!(!steps(PACKET));
    }
}
