//! Where distributions keep a Rust compiler together with its library sources, and
//! which of the packages on offer to take.

use std::collections::BTreeMap;

use ebpf_kernels::Architecture;

/// The oldest Rust that aya-ebpf 0.2.1 builds with (`rust-version` in its manifest).
const OLDEST: Version = Version {
    major: 1,
    minor: 87,
    patch: 0,
};

/// The newest versioned package name that is asked for. Names that a distribution
/// does not have cost nothing.
const NEWEST_MINOR: u32 = 120;

/// A package manager of a distribution whose packages are not installed for the user,
/// and what she types.
pub(crate) struct Manager {
    pub(crate) program: &'static str,
    /// For a compiler and library sources of one version.
    pub(crate) rust: &'static [&'static str],
    /// For the qemu of x86-64 guests.
    qemu_x86_64: &'static str,
    /// For that of arm64 guests.
    qemu_arm64: &'static str,
}

impl Manager {
    /// The command that installs the qemu of guests of this architecture.
    pub(crate) fn qemu(&self, architecture: Architecture) -> &'static str {
        match architecture {
            Architecture::X86_64 => self.qemu_x86_64,
            Architecture::Arm64 => self.qemu_arm64,
        }
    }
}

/// Each one's rust and rust-src are of one version; openSUSE has rustup only.
pub(crate) const OTHER_MANAGERS: [Manager; 4] = [
    Manager {
        program: "dnf",
        rust: &["dnf install -y rust cargo rust-src"],
        qemu_x86_64: "dnf install -y qemu-system-x86-core",
        qemu_arm64: "dnf install -y qemu-system-aarch64-core",
    },
    Manager {
        program: "pacman",
        rust: &["pacman -S --needed rust rust-src"],
        qemu_x86_64: "pacman -S --needed qemu-system-x86",
        qemu_arm64: "pacman -S --needed qemu-system-aarch64",
    },
    Manager {
        program: "apk",
        rust: &["apk add rust cargo rust-src"],
        qemu_x86_64: "apk add qemu-system-x86_64",
        qemu_arm64: "apk add qemu-system-aarch64",
    },
    Manager {
        program: "zypper",
        rust: &[
            "zypper install -y rustup",
            "rustup toolchain install nightly --component rust-src",
        ],
        qemu_x86_64: "zypper install -y qemu-x86",
        qemu_arm64: "zypper install -y qemu-arm",
    },
];

/// The package of Debian and Ubuntu that has the qemu of guests of this architecture.
pub(crate) fn qemu_package(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "qemu-system-x86",
        Architecture::Arm64 => "qemu-system-arm",
    }
}

/// The package of Debian and Ubuntu that has a linker for this architecture, on any other.
pub(crate) fn linker_package(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "binutils-x86-64-linux-gnu",
        Architecture::Arm64 => "binutils-aarch64-linux-gnu",
    }
}

/// Packages that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Family {
    rustc: String,
    cargo: String,
    source: String,
}

/// The names that Debian and Ubuntu use: Debian's own pair, its newer one for building
/// browsers in stable releases, and Ubuntu's (and newer Debians') versioned ones.
fn families() -> Vec<Family> {
    let family = |rustc: &str, cargo: &str, source: &str| Family {
        rustc: rustc.to_owned(),
        cargo: cargo.to_owned(),
        source: source.to_owned(),
    };
    let mut families = vec![
        family("rustc", "cargo", "rust-src"),
        family("rustc-web", "cargo-web", "rust-web-src"),
    ];
    families.extend((OLDEST.minor..=NEWEST_MINOR).map(|minor| {
        family(
            &format!("rustc-1.{minor}"),
            &format!("cargo-1.{minor}"),
            &format!("rust-1.{minor}-src"),
        )
    }));
    families
}

/// Every package name that `apt-cache policy` is asked about.
pub(crate) fn names() -> Vec<String> {
    families()
        .into_iter()
        .flat_map(|family| [family.rustc, family.cargo, family.source])
        .collect()
}

/// Packages to install, and from which suite where apt would not take it by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) packages: [String; 3],
    pub(crate) suite: Option<String>,
    version: Version,
}

impl Choice {
    /// The arguments of `apt-get install` that name them.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let suite = self
            .suite
            .iter()
            .flat_map(|suite| ["-t".to_owned(), suite.clone()]);
        suite.chain(self.packages.iter().cloned()).collect()
    }
}

/// The best that `policy`, the output of `apt-cache policy`, has on offer: compiler
/// and sources of one version, the newest that apt would take by itself, else the
/// newest of any suite it knows.
pub(crate) fn choose(policy: &str) -> Option<Choice> {
    let offers = parse_policy(policy);
    let choices = || {
        families()
            .into_iter()
            .flat_map(|family| choices_of(&family, &offers))
    };
    let newest = |by_itself: bool| {
        choices()
            .filter(|choice| choice.suite.is_none() == by_itself)
            .max_by_key(|choice| choice.version)
    };
    newest(true).or_else(|| newest(false))
}

fn choices_of(family: &Family, offers: &BTreeMap<String, Offers>) -> Vec<Choice> {
    let (Some(rustc), Some(cargo), Some(source)) = (
        offers.get(&family.rustc),
        offers.get(&family.cargo),
        offers.get(&family.source),
    ) else {
        return Vec::new();
    };
    let choice = |version: Version, suite: Option<&str>| Choice {
        packages: [&family.rustc, &family.cargo, &family.source].map(Clone::clone),
        suite: suite.map(str::to_owned),
        version,
    };
    let fits = |version: &Version| *version >= OLDEST;
    let by_itself = rustc
        .candidate
        .filter(fits)
        .filter(|version| source.candidate == Some(*version) && cargo.candidate.is_some())
        .map(|version| choice(version, None));
    let from_suites = rustc
        .suites
        .iter()
        .filter(|offer| fits(&offer.0) && source.suites.contains(offer))
        .filter(|(_, suite)| cargo.suites.iter().any(|(_, other)| other == suite))
        .map(|(version, suite)| choice(*version, Some(suite)));
    by_itself.into_iter().chain(from_suites).collect()
}

/// What apt knows of one package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Offers {
    /// What it would install.
    candidate: Option<Version>,
    /// Everything that it could install, by the suite that has it.
    suites: Vec<(Version, String)>,
}

/// Reads the output of `apt-cache policy NAME...` in the C locale:
///
/// ```text
/// rustc-web:
///   Installed: (none)
///   Candidate: 1.96.0+dfsg1-1~deb12u2
///   Version table:
///      1.96.0+dfsg1-1~deb12u2 500
///         500 http://HOST/debian-security bookworm-security/main amd64 Packages
/// ```
fn parse_policy(policy: &str) -> BTreeMap<String, Offers> {
    let mut found: BTreeMap<String, Offers> = BTreeMap::new();
    let mut name = String::new();
    let mut version = None;
    for line in policy.lines() {
        if let Some(new) = line.strip_suffix(':').filter(|line| !line.starts_with(' ')) {
            new.clone_into(&mut name);
            version = None;
            continue;
        }
        let offers = found.entry(name.clone()).or_default();
        let words: Vec<&str> = line
            .trim_start_matches([' ', '*'])
            .split_whitespace()
            .collect();
        match words.as_slice() {
            ["Candidate:", candidate] => offers.candidate = Version::parse(candidate),
            // A priority, an address, "suite/component", an architecture.
            [_, _, origin, _, "Packages"] => {
                if let (Some(version), Some((suite, _))) = (version, origin.split_once('/')) {
                    offers.suites.push((version, suite.to_owned()));
                }
            }
            // A version and its priority; older apts leave out the priority.
            [number] | [number, _] => version = Version::parse(number).or(version),
            _ => {}
        }
    }
    found
}

/// The upstream part of a Debian version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let upstream = text.split_once(':').map_or(text, |(_epoch, rest)| rest);
        let upstream = upstream.split(['+', '-', '~']).next()?;
        let mut numbers = upstream.split('.').map(|number| number.parse().ok());
        Some(Self {
            major: numbers.next()??,
            minor: numbers.next()??,
            patch: numbers.next().flatten().unwrap_or(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a Debian 12 says, shortened.
    const BOOKWORM: &str = "\
rustc:
  Installed: (none)
  Candidate: 1.63.0+dfsg1-2
  Version table:
     1.63.0+dfsg1-2 500
        500 http://host/debian bookworm/main amd64 Packages
cargo:
  Installed: (none)
  Candidate: 0.66.0+ds1-1
  Version table:
     0.66.0+ds1-1 500
        500 http://host/debian bookworm/main amd64 Packages
rust-src:
  Installed: (none)
  Candidate: 1.63.0+dfsg1-2
  Version table:
     1.63.0+dfsg1-2 500
        500 http://host/debian bookworm/main amd64 Packages
rustc-web:
  Installed: 1.96.0+dfsg1-1~deb12u2
  Candidate: 1.96.0+dfsg1-1~deb12u2
  Version table:
 *** 1.96.0+dfsg1-1~deb12u2 500
        500 http://host/debian-security bookworm-security/main amd64 Packages
        100 /var/lib/dpkg/status
     1.85.0+dfsg3-1~deb12u3 500
        500 http://host/debian bookworm/main amd64 Packages
cargo-web:
  Installed: (none)
  Candidate: 1.96.0+dfsg1-1~deb12u2
  Version table:
     1.96.0+dfsg1-1~deb12u2 500
        500 http://host/debian-security bookworm-security/main amd64 Packages
rust-web-src:
  Installed: (none)
  Candidate: 1.96.0+dfsg1-1~deb12u2
  Version table:
     1.96.0+dfsg1-1~deb12u2 500
        500 http://host/debian-security bookworm-security/main amd64 Packages
";

    fn policy(name: &str, candidate: &str, others: &[(&str, &str)]) -> String {
        let mut text =
            format!("{name}:\n  Installed: (none)\n  Candidate: {candidate}\n  Version table:\n");
        for (version, suite) in others {
            text += &format!(
                "     {version} 100\n        100 http://host/debian {suite}/main amd64 Packages\n"
            );
        }
        text
    }

    fn packages(policy: &str) -> Option<Vec<String>> {
        choose(policy).map(|choice| choice.arguments())
    }

    #[test]
    fn bookworm_builds_with_its_browser_compiler() {
        assert_eq!(
            packages(BOOKWORM).unwrap(),
            ["rustc-web", "cargo-web", "rust-web-src"]
        );
    }

    #[test]
    fn suites_are_read_with_their_versions() {
        let offers = parse_policy(BOOKWORM);
        let version = |minor| Version {
            major: 1,
            minor,
            patch: 0,
        };
        assert_eq!(
            offers["rustc-web"].suites,
            [
                (version(96), "bookworm-security".to_owned()),
                (version(85), "bookworm".to_owned())
            ]
        );
    }

    #[test]
    fn ubuntus_newest_versioned_pair_wins() {
        let mut text = String::new();
        for (rustc, cargo, source, version) in [
            ("rustc", "cargo", "rust-src", "1.75.0+dfsg0ubuntu1"),
            (
                "rustc-1.89",
                "cargo-1.89",
                "rust-1.89-src",
                "1.89.0+dfsg-0ubuntu1",
            ),
            (
                "rustc-1.91",
                "cargo-1.91",
                "rust-1.91-src",
                "1.91.1+dfsg-0ubuntu1",
            ),
        ] {
            for name in [rustc, cargo, source] {
                text += &policy(name, version, &[(version, "noble-updates")]);
            }
        }
        assert_eq!(
            packages(&text).unwrap(),
            ["rustc-1.91", "cargo-1.91", "rust-1.91-src"]
        );
    }

    #[test]
    fn backports_are_named_where_nothing_else_is_new_enough() {
        let all = [
            ("1.96.0-1~bpo13+1", "trixie-backports"),
            ("1.85.0+dfsg3-1", "trixie"),
        ];
        let text: String = ["rustc", "cargo", "rust-src"]
            .iter()
            .map(|name| policy(name, "1.85.0+dfsg3-1", &all))
            .collect();
        assert_eq!(
            packages(&text).unwrap(),
            ["-t", "trixie-backports", "rustc", "cargo", "rust-src"]
        );
    }

    #[test]
    fn sources_of_another_version_are_no_choice() {
        let text = policy("rustc", "1.96.0", &[])
            + &policy("cargo", "1.96.0", &[])
            + &policy("rust-src", "1.95.0", &[]);
        assert_eq!(choose(&text), None);
    }

    #[test]
    fn nothing_on_offer_is_no_choice() {
        assert_eq!(choose(""), None);
        assert_eq!(choose(&policy("rustc", "(none)", &[])), None);
        assert_eq!(choose("N: Unable to locate package rustc-web\n"), None);
    }

    #[test]
    fn versions_lose_their_packaging() {
        let version = |text| Version::parse(text).map(|v| (v.major, v.minor, v.patch));
        assert_eq!(version("1.96.0+dfsg1-1~deb12u2"), Some((1, 96, 0)));
        assert_eq!(version("2:1.97.1-1"), Some((1, 97, 1)));
        assert_eq!(version("(none)"), None);
    }
}
