//! The two BPF targets and the instruction set versions that rustc knows.

use std::{fmt, str::FromStr};

use cargo_metadata::cargo_platform::Cfg;

use crate::{Code, Error};

/// A BPF target of rustc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Target {
    /// `bpfel-unknown-none`: little-endian, what x86-64, arm64 and riscv64 run.
    #[default]
    Little,
    /// `bpfeb-unknown-none`: big-endian, what s390x runs.
    Big,
}

impl Target {
    /// All targets.
    pub const ALL: [Self; 2] = [Self::Little, Self::Big];

    /// The target with the byte order of this machine.
    pub fn host() -> Self {
        match cfg!(target_endian = "big") {
            true => Self::Big,
            false => Self::Little,
        }
    }

    /// The target triple as rustc spells it.
    pub fn triple(self) -> &'static str {
        match self {
            Self::Little => "bpfel-unknown-none",
            Self::Big => "bpfeb-unknown-none",
        }
    }

    /// What a `cfg` in cargo's config is compared with.
    pub(crate) fn cfgs(self) -> Vec<Cfg> {
        let endian = match self {
            Self::Little => "little",
            Self::Big => "big",
        };
        [
            ("target_arch", "bpf"),
            ("target_endian", endian),
            ("target_env", ""),
            ("target_os", "none"),
            ("target_pointer_width", "64"),
            ("target_vendor", "unknown"),
            ("panic", "abort"),
        ]
        .iter()
        .filter_map(|(key, value)| format!("{key} = \"{value}\"").parse().ok())
        .collect()
    }

    /// The environment variable by which cargo takes a linker for this target.
    pub fn linker_variable(self) -> &'static str {
        match self {
            Self::Little => "CARGO_TARGET_BPFEL_UNKNOWN_NONE_LINKER",
            Self::Big => "CARGO_TARGET_BPFEB_UNKNOWN_NONE_LINKER",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.triple())
    }
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|target| target.triple() == text)
            .ok_or_else(|| {
                Error::new(Code::TargetUnknown, format!("{text} is not a BPF target"))
                    .fix("use bpfel-unknown-none or bpfeb-unknown-none")
            })
    }
}

/// A version of the BPF instruction set, as `-C target-cpu` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Cpu {
    /// The first: every kernel with eBPF.
    V1,
    /// Adds unsigned and signed less-than jumps (Linux 4.14).
    V2,
    /// Adds 32-bit jumps (Linux 5.1). LLVM's default from LLVM 20 on.
    V3,
    /// Adds sign-extending moves and loads, 32-bit offsets, byte swaps (Linux 6.6).
    V4,
}

impl Cpu {
    /// All versions.
    pub const ALL: [Self; 4] = [Self::V1, Self::V2, Self::V3, Self::V4];

    /// The name as rustc and LLVM spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::V3 => "v3",
            Self::V4 => "v4",
        }
    }
}

impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Cpu {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|cpu| cpu.name() == text)
            .ok_or_else(|| {
                Error::new(
                    Code::CpuUnknown,
                    format!("{text} is not a BPF instruction set"),
                )
                .fix("use v1, v2, v3 or v4")
            })
    }
}
