//! The kernels in the archive, read from the output of apt-cache.
//!
//! Debian's cloud kernels are used: they are small, boot in an emulator, and have BTF.

use std::{cmp::Reverse, collections::HashMap};

use ebpf_base::KernelVersion;
use serde::{Deserialize, Serialize};

use super::KernelRelease;
use crate::Architecture;

/// The suffix of packages with a cloud kernel, before the architecture. Those with more after
/// it contain unsigned images or debug symbols.
const FLAVOUR: &str = "-cloud-";

/// The prefixes of packages that may contain an image, the likelier first. From Linux 6.19
/// on, Debian's `linux-image-*` only depends on the `linux-binary-*` that does.
const PREFIXES: [&str; 2] = [BINARY, IMAGE];
const BINARY: &str = "linux-binary-";
const IMAGE: &str = "linux-image-";

/// A package in the archive that contains a kernel image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AvailablePackage {
    /// `6.1.192-2`
    pub version: String,
    /// `linux-image-6.1.0-56-cloud-amd64`
    pub package: String,
    /// `bookworm-security`
    pub suite: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, from apt's signed lists.
    pub sha256: String,
}

impl AvailablePackage {
    /// The `uname -r` of its kernel.
    pub(super) fn uname(&self) -> &str {
        of_package(&self.package).unwrap_or(&self.package)
    }

    /// Where the image may be in the package: the first path up to 7.0, the second in 7.3.
    pub(super) fn places(&self) -> [String; 2] {
        let release = self.uname();
        [
            format!("boot/vmlinuz-{release}"),
            format!("usr/lib/modules/{release}/vmlinuz"),
        ]
    }

    /// Where the kernel's configuration may be in the package.
    pub(super) fn configuration_places(&self) -> [String; 2] {
        let release = self.uname();
        [
            format!("boot/config-{release}"),
            format!("usr/lib/modules/{release}/config"),
        ]
    }

    pub(super) fn release(&self) -> Option<KernelRelease> {
        let version = KernelVersion::of_release(&self.version)?;
        Some(KernelRelease::new(version, self.architecture()))
    }

    /// The processors that its kernel is for.
    pub(super) fn architecture(&self) -> Architecture {
        // Only packages with one get here.
        of_kernel(&self.package).unwrap_or_default()
    }
}

/// `6.1.0-56-cloud-amd64`
fn of_package(name: &str) -> Option<&str> {
    PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix))
}

/// Orders versions of one release. Not all of Debian's rules are needed for that: of
/// two builds of one revision, one for an older Debian (`~deb12u1`) comes first.
pub(super) fn order(version: &str) -> impl Ord + use<> {
    let (upstream, revision) = version.rsplit_once('-').unwrap_or((version, ""));
    let numbers = |text: &str| -> Vec<u64> {
        text.split(|c: char| !c.is_ascii_digit())
            .map_while(|number| number.parse().ok())
            .collect()
    };
    let of_older = version.contains('~');
    (
        numbers(upstream),
        numbers(revision).first().copied(),
        Reverse(of_older),
        version.to_owned(),
    )
}

/// The packages in the archive that contain a kernel image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Catalogue {
    packages: Vec<AvailablePackage>,
}

impl Catalogue {
    /// Of the names of all packages, those to ask apt about.
    pub(super) fn names(all: &str, architecture: Architecture) -> Vec<&str> {
        let names: Vec<&str> = all
            .lines()
            .map(str::trim)
            .filter(|name| of_kernel(name) == Some(architecture))
            .collect();
        let held: Vec<&str> = names
            .iter()
            .filter_map(|name| name.strip_prefix(BINARY))
            .collect();
        let empty = |name: &str| {
            name.strip_prefix(IMAGE)
                .is_some_and(|release| held.contains(&release))
        };
        names.iter().copied().filter(|name| !empty(name)).collect()
    }

    /// Reads the output of `apt-cache show` and `apt-cache madison`.
    pub(super) fn read(show: &str, madison: &str) -> Self {
        let suites = suites(madison);
        let mut packages: Vec<AvailablePackage> = show
            .split("\n\n")
            .filter_map(|stanza| package_of(stanza, &suites))
            .collect();
        packages.sort_by_cached_key(|package| (package.release(), order(&package.version)));
        Self { packages }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packages.is_empty()
    }

    pub(super) fn releases(&self) -> impl Iterator<Item = KernelRelease> {
        self.packages.iter().filter_map(AvailablePackage::release)
    }

    pub(super) fn newest(&self, release: KernelRelease) -> Option<&AvailablePackage> {
        self.newest_first(release).next()
    }

    pub(super) fn newest_first(
        &self,
        release: KernelRelease,
    ) -> impl Iterator<Item = &AvailablePackage> {
        let newest_last = self.packages.iter().rev();
        newest_last.filter(move |package| package.release() == Some(release))
    }
}

/// The architecture of the kernel in a package with this name. That is one like
/// `linux-image-6.1.0-56-cloud-amd64`, but not `linux-image-6.1-cloud-amd64`, which
/// only names the newest.
fn of_kernel(name: &str) -> Option<Architecture> {
    let release = of_package(name)?;
    let (release, debian) = release.rsplit_once(FLAVOUR)?;
    let is_exact = release.starts_with(|c: char| c.is_ascii_digit())
        && release.matches('.').count() >= 2
        && is_plain(name);
    let mut all = Architecture::ALL.into_iter();
    all.find(|architecture| is_exact && architecture.debian() == debian)
}

/// Whether `text` has only the characters of package names and versions (Debian Policy 5.6.1,
/// 5.6.12), so that it is valid in a file name.
fn is_plain(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.~".contains(c))
}

/// The suite of each package and version, from lines like
/// `linux-image-x |  6.1.192-2 | http://HOST/debian bookworm/main amd64 Packages`.
fn suites(madison: &str) -> HashMap<(&str, &str), &str> {
    let read = |line| {
        let mut columns = str::split(line, '|').map(str::trim);
        let (name, version) = (columns.next()?, columns.next()?);
        let mut from_the_end = columns.next()?.split_whitespace().rev();
        let (_packages, _architecture, origin) = (
            from_the_end.next()?,
            from_the_end.next()?,
            from_the_end.next()?,
        );
        let (suite, _component) = origin.rsplit_once('/')?;
        Some(((name, version), suite))
    };
    madison.lines().filter_map(read).collect()
}

fn package_of(stanza: &str, suites: &HashMap<(&str, &str), &str>) -> Option<AvailablePackage> {
    let field = |name: &str| {
        let value = |line| {
            str::strip_prefix(line, name)?
                .strip_prefix(':')
                .map(str::trim)
        };
        stanza.lines().find_map(value)
    };
    let (package, version) = (field("Package")?, field("Version")?);
    let sha256 = field("SHA256")?;
    let is_hash = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
    let available = AvailablePackage {
        version: version.to_owned(),
        package: package.to_owned(),
        // A package without a suite is one that cannot be downloaded.
        suite: (*suites.get(&(package, version))?).to_owned(),
        bytes: field("Size")?.parse().ok()?,
        sha256: sha256.to_ascii_lowercase(),
    };
    (is_hash
        && of_kernel(package).is_some()
        && is_plain(version)
        && is_plain(&available.suite)
        && available.release().is_some())
    .then_some(available)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "18d94781d1b3052e21967ac2262239e5f14fbf511d6c3e110629d7aa35340760";

    fn show(packages: &[(&str, &str)]) -> String {
        let stanza = |(name, version): &(&str, &str)| {
            format!(
                "Package: {name}\nSource: linux\nVersion: {version}\nSize: 21521796\nSHA256: {HASH}\nDescription: Linux\n more\n"
            )
        };
        packages.iter().map(stanza).collect::<Vec<_>>().join("\n")
    }

    fn madison(packages: &[(&str, &str)]) -> String {
        let line = |(name, version): &(&str, &str)| {
            format!(
                "{name} |   {version} | http://mirror.example/debian trixie/main amd64 Packages\n"
            )
        };
        packages.iter().map(line).collect()
    }

    fn catalogue(packages: &[(&str, &str)]) -> Catalogue {
        Catalogue::read(&show(packages), &madison(packages))
    }

    #[test]
    fn only_packages_with_an_image_are_asked_about() {
        let all = "linux-image-cloud-amd64\nlinux-image-6.1-cloud-amd64\n\
                   linux-image-6.1.0-56-cloud-amd64\nlinux-image-6.1.0-56-cloud-amd64-unsigned\n\
                   linux-image-6.1.0-56-amd64\nlinux-image-7.3.4+deb13-cloud-amd64\n\
                   linux-image-7.3.4+deb13-cloud-amd64-dbg\nlinux-binary-7.3.4+deb13-cloud-amd64\n\
                   linux-image-6.1.0-56-cloud-arm64\n";
        assert_eq!(
            Catalogue::names(all, Architecture::X86_64),
            [
                "linux-image-6.1.0-56-cloud-amd64",
                "linux-binary-7.3.4+deb13-cloud-amd64"
            ]
        );
    }

    #[test]
    fn both_layouts_are_known() {
        let found = catalogue(&[
            ("linux-image-6.1.0-56-cloud-amd64", "6.1.192-2"),
            ("linux-binary-7.3.4+deb13-cloud-amd64", "7.3.4-1~bpo13+1"),
        ]);
        assert_eq!(
            found.packages[0].places()[0],
            "boot/vmlinuz-6.1.0-56-cloud-amd64"
        );
        assert_eq!(
            found.packages[1].places()[1],
            "usr/lib/modules/7.3.4+deb13-cloud-amd64/vmlinuz"
        );
        assert_eq!(found.packages[1].uname(), "7.3.4+deb13-cloud-amd64");
        assert_eq!(found.packages[0].suite, "trixie");
        assert_eq!(
            (found.packages[0].bytes, found.packages[0].sha256.as_str()),
            (21521796, HASH)
        );
    }

    #[test]
    fn the_newest_is_the_one_with_the_highest_numbers() {
        let versions = |versions: &[&'static str]| {
            let packages: Vec<_> = versions
                .iter()
                .map(|version| ("linux-image-6.12.9-cloud-amd64", *version))
                .collect();
            let release = KernelRelease::new(KernelVersion::new(6, 12), Architecture::X86_64);
            catalogue(&packages)
                .newest(release)
                .unwrap()
                .version
                .clone()
        };
        assert_eq!(versions(&["6.12.107-1", "6.12.95-1~bpo12+1"]), "6.12.107-1");
        assert_eq!(
            versions(&["6.12.117-1", "6.12.117-1~deb12u1"]),
            "6.12.117-1"
        );
        assert_eq!(
            versions(&["6.12.117-2", "6.12.117-10", "6.12.9-99"]),
            "6.12.117-10"
        );
    }

    #[test]
    fn odd_names_are_left_out() {
        for (name, version) in [
            ("linux-image-6.1.0/../../x-cloud-amd64", "6.1.1-1"),
            ("linux-image-6.1.0-1-cloud-amd64", "6.1.1-1/../.."),
            ("linux-image-6.1.0-1-cloud-amd64", "../6.1.1"),
            ("linux-image-6.1.0-1-cloud-amd64", "sixone"),
            ("linux-image-6.1.0-1-amd64", "6.1.1-1"),
        ] {
            assert!(catalogue(&[(name, version)]).is_empty(), "{name} {version}");
        }
        let good = [("linux-image-6.1.0-1-cloud-amd64", "6.1.1-1")];
        assert!(!catalogue(&good).is_empty());
        assert!(Catalogue::read(&show(&good), "").is_empty());
        assert!(Catalogue::read(&show(&good).replace(HASH, "abc"), &madison(&good)).is_empty());
        assert!(Catalogue::read("", "|||\n| |\nx | y | z\n").is_empty());
    }
}
