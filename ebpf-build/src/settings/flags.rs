//! The compiler options that a build for BPF needs, and how they are spelled.

/// A `-C` option that every build for BPF needs, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flag {
    /// The option's name.
    pub option: &'static str,
    /// The value that is passed where the crate says nothing.
    pub value: &'static str,
    /// Other spellings of the same.
    same: &'static [&'static str],
    /// What goes wrong without it.
    pub reason: &'static str,
}

impl Flag {
    /// As it stands on a command line: `panic=abort`.
    pub fn assignment(&self) -> String {
        format!("{}={}", self.option, self.value)
    }

    /// Whether an option with a value is this one, in whatever spelling.
    pub(super) fn is(&self, (option, value): &(&str, &str)) -> bool {
        *option == self.option && (*value == self.value || self.same.contains(value))
    }
}

/// The options that every build for BPF needs.
pub const REQUIRED_RUSTFLAGS: [Flag; 5] = [
    Flag {
        option: "panic",
        value: "abort",
        same: &[],
        reason: "BPF cannot unwind",
    },
    Flag {
        option: "lto",
        value: "yes",
        same: &["fat", "true", "y", "on", ""],
        reason: "programs and core become one module, so that unused code is removed",
    },
    Flag {
        option: "codegen-units",
        value: "1",
        same: &[],
        reason: "the linker requires all code in one module",
    },
    Flag {
        option: "debuginfo",
        value: "2",
        same: &["full"],
        reason: "BTF is generated from it",
    },
    Flag {
        option: "link-arg",
        value: "--btf",
        same: &[],
        reason: "without it, bpf-linker generates no BTF",
    },
];

/// Whether flags ask for link-time optimisation.
pub fn has_lto(flags: &[String]) -> bool {
    let options = codegen_options(flags);
    options
        .iter()
        .any(|(option, value)| *option == "lto" && !matches!(*value, "no" | "off" | "n" | "false"))
}

/// `-C` options in all their spellings, as name and value.
pub(super) fn codegen_options(flags: &[String]) -> Vec<(&str, &str)> {
    let mut options = Vec::new();
    let mut flags = flags.iter();
    while let Some(flag) = flags.next() {
        let option = if flag == "-C" || flag == "--codegen" {
            flags.next().map(String::as_str)
        } else {
            flag.strip_prefix("-C")
                .or_else(|| flag.strip_prefix("--codegen="))
        };
        if let Some(option) = option {
            options.push(option.split_once('=').unwrap_or((option, "")));
        }
    }
    options
}
