//! The mirror of the Debian archive in the system's apt sources (see sources.list(5)), and the
//! sources of the private apt, which are made from it.

use std::{env, fs, path::Path};

use ebpf_base::{Error, Result};

use crate::{Architecture, code::Code};

/// The variable that names a mirror, and takes precedence over the system's sources.
pub(super) const MIRROR: &str = "CARGO_EBPF_DEBIAN_MIRROR";

/// The suites with kernels. Each Debian release keeps one kernel release (11: 5.10, 12: 6.1,
/// 13: 6.12); newer ones are in backports and in sid.
const SUITES: [(Archive, &str); 8] = [
    (Archive::Main, "bullseye"),
    (Archive::Security, "bullseye-security"),
    (Archive::Main, "bookworm"),
    (Archive::Security, "bookworm-security"),
    (Archive::Main, "trixie"),
    (Archive::Security, "trixie-security"),
    (Archive::Main, "trixie-backports"),
    (Archive::Main, "sid"),
];

/// The names of Debian's releases. Those of security updates have a suffix.
const RELEASES: [&str; 13] = [
    "stable",
    "oldstable",
    "oldoldstable",
    "testing",
    "unstable",
    "buster",
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "duke",
    "sid",
    "rc-buggy",
];

/// Debian's keys, for all of its releases.
const KEYRINGS: [&str; 2] = [
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "/usr/share/keyrings/debian-archive-keyring.pgp",
];

/// Mirrors have security updates in a separate archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Archive {
    Main,
    Security,
}

/// One entry of apt's sources.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Source {
    uris: Vec<String>,
    suites: Vec<String>,
    components: Vec<String>,
    /// Keyrings, fingerprints, or a whole key.
    signed_by: Option<String>,
    /// Whether the user has disabled the check of its signature.
    trusted: bool,
}

impl Source {
    /// Which Debian archive this may be. Archives of vendors have suites with the same names:
    /// their rank is lower.
    fn archive(&self) -> Option<(Archive, Rank)> {
        let main = self.components.iter().any(|component| component == "main");
        let of_debian = |suite: &str| RELEASES.contains(&suite);
        let archive = self.suites.iter().find_map(|suite| {
            if of_debian(suite) {
                return Some(Archive::Main);
            }
            // Up to Debian 10 it was `buster/updates`.
            let release = suite
                .strip_suffix("-security")
                .or_else(|| suite.strip_suffix("/updates"));
            release
                .filter(|release| of_debian(release))
                .map(|_| Archive::Security)
        })?;
        let last = |uri: &String| {
            let path = uri.trim_end_matches('/');
            path.rsplit('/')
                .next()
                .is_some_and(|name| name.starts_with("debian"))
        };
        let rank = Rank {
            keys: self
                .signed_by
                .as_ref()
                .is_some_and(|keys| keys.contains("debian-archive")),
            path: self.uris.iter().any(last),
        };
        main.then_some((archive, rank))
    }
}

/// What indicates that a source is Debian's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    keys: bool,
    path: bool,
}

/// The sources for the private apt, in the deb822 format: the suites with kernels for
/// `architecture`, on the mirror in the system's sources (`list` is their file, `parts` their directory).
///
/// # Errors
/// When they name none.
pub(super) fn ours(architecture: Architecture, list: &Path, parts: &Path) -> Result<String> {
    let keyrings: Vec<&str> = KEYRINGS
        .into_iter()
        .filter(|keyring| Path::new(keyring).is_file())
        .collect();
    let sources = match env::var(MIRROR) {
        Ok(mirror) if !mirror.is_empty() => named(&mirror)?,
        _ => of_machine(list, parts),
    };
    write(architecture, &sources, &keyrings).ok_or_else(|| {
        Error::new(
            Code::KernelsNoMirror,
            "kernel images come from the Debian archive, but no mirror of it is known",
        )
        .because("the apt sources of this machine contain none")
        .fix(format!(
            "set {MIRROR} to the URL of a Debian mirror, which ends in /debian (Ubuntu: \
             also install debian-archive-keyring), or pass the path of a kernel image"
        ))
    })
}

/// Mirrors have security updates next to the archive, in `debian-security`.
fn named(mirror: &str) -> Result<Vec<Source>> {
    let mirror = mirror.trim().trim_end_matches('/');
    if !mirror.contains(":/") || mirror.contains(char::is_whitespace) {
        return Err(
            Error::new(Code::KernelsMirrorInvalid, format!("{MIRROR} is not a URL"))
                .because(format!("it is {mirror:?}"))
                .fix("set it to the URL of a Debian mirror, which ends in /debian"),
        );
    }
    let source = |uri: String, suite: &str| Source {
        uris: vec![uri],
        suites: vec![suite.to_owned()],
        components: vec!["main".to_owned()],
        ..Source::default()
    };
    let mut sources = vec![source(mirror.to_owned(), "stable")];
    if mirror.ends_with("/debian") {
        sources.push(source(format!("{mirror}-security"), "stable-security"));
    }
    Ok(sources)
}

/// Files that this user may not read, as they may contain passwords, are left out.
fn of_machine(list: &Path, parts: &Path) -> Vec<Source> {
    let mut files: Vec<_> = fs::read_dir(parts)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files.insert(0, list.to_owned());
    files
        .iter()
        .filter_map(|file| {
            let text = fs::read_to_string(file).ok();
            match file.extension()?.to_str()? {
                "list" => text.as_deref().map(read_list),
                "sources" => text.as_deref().map(read_deb822),
                _ => None,
            }
        })
        .flatten()
        .collect()
}

/// The one-line format: `deb [option=value ...] uri suite component...`.
fn read_list(text: &str) -> Vec<Source> {
    text.lines().filter_map(read_line).collect()
}

fn read_line(line: &str) -> Option<Source> {
    let line = line.split('#').next()?.trim();
    let rest = line.strip_prefix("deb")?;
    if !rest.starts_with([' ', '\t', '[']) {
        return None;
    }
    let rest = rest.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    let mut source = Source {
        uris: vec![words.next()?],
        suites: vec![words.next()?],
        components: words.collect(),
        ..Source::default()
    };
    for (name, value) in options
        .split_whitespace()
        .filter_map(|option| option.split_once('='))
    {
        match name {
            "signed-by" => source.signed_by = Some(value.replace(',', " ")),
            "trusted" => source.trusted = yes(value),
            _ => {}
        }
    }
    Some(source)
}

/// The deb822 format: stanzas of fields, separated by empty lines.
fn read_deb822(text: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut stanza: Vec<(String, String)> = Vec::new();
    for line in text.lines().chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            sources.extend(of_stanza(&std::mem::take(&mut stanza)));
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = stanza.last_mut() {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            stanza.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    sources
}

fn of_stanza(stanza: &[(String, String)]) -> Option<Source> {
    let field = |wanted: &str| {
        let found = stanza.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str())
    };
    let words = |name: &str| -> Vec<String> {
        let value = field(name).unwrap_or_default();
        value.split_whitespace().map(str::to_owned).collect()
    };
    if !words("types").iter().any(|kind| kind == "deb")
        || field("enabled").is_some_and(|value| !yes(value))
    {
        return None;
    }
    Some(Source {
        uris: words("uris"),
        suites: words("suites"),
        components: words("components"),
        signed_by: field("signed-by").map(str::to_owned),
        trusted: field("trusted").is_some_and(yes),
    })
}

/// As apt interprets it.
fn yes(value: &str) -> bool {
    matches!(
        value.to_ascii_lowercase().as_str(),
        "yes" | "true" | "with" | "on" | "enable" | "1"
    )
}

/// The suites on the best of `sources`; none if there is no Debian mirror.
fn write(architecture: Architecture, sources: &[Source], keyrings: &[&str]) -> Option<String> {
    let best = |wanted: Archive| {
        let fitting = sources.iter().filter_map(|source| {
            let (archive, rank) = source.archive()?;
            (archive == wanted && !source.uris.is_empty()).then_some((source, rank))
        });
        // The first of those with the same rank; max_by_key would return the last.
        fitting.reduce(|best, other| if other.1 > best.1 { other } else { best })
    };
    let stanza = |archive: Archive| {
        let (source, _) = best(archive)?;
        let suites: Vec<&str> = SUITES
            .iter()
            .filter(|(of, _)| *of == archive)
            .map(|(_, suite)| *suite)
            .collect();
        let mut text = format!(
            "Types: deb\nURIs: {}\nSuites: {}\nComponents: main\nArchitectures: {}\n\
             Targets: Packages\n",
            source.uris.join(" "),
            suites.join(" "),
            architecture.debian(),
        );
        if let Some(keys) = signed_by(source, keyrings) {
            text += &format!("Signed-By: {keys}\n");
        }
        if source.trusted {
            text += "Trusted: yes\n";
        }
        Some(text)
    };
    let main = stanza(Archive::Main)?;
    Some(match stanza(Archive::Security) {
        Some(security) => format!("{main}\n{security}"),
        None => main,
    })
}

/// The keys that the system trusts for this mirror, which may have its own signature, and
/// Debian's, for the suites of other releases. An inline key is used alone; without any, apt
/// uses those that it trusts for everything.
fn signed_by(source: &Source, keyrings: &[&str]) -> Option<String> {
    match &source.signed_by {
        Some(key) if key.contains("BEGIN PGP") => Some(key.clone()),
        Some(keys) => {
            let mut all: Vec<&str> = keys.split_whitespace().collect();
            all.extend(keyrings);
            all.sort_unstable();
            all.dedup();
            Some(all.join(" "))
        }
        None => (!keyrings.is_empty()).then(|| keyrings.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

    fn amd64(sources: &[Source], keyrings: &[&str]) -> Option<String> {
        write(Architecture::X86_64, sources, keyrings)
    }

    /// What a Debian 12 container has.
    const DEB822: &str = "\
Types: deb
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

types: deb deb-src
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
";

    #[test]
    fn deb822_is_read() {
        let sources = read_deb822(DEB822);
        assert_eq!(sources.len(), 2);
        let text = amd64(&sources, &[KEYRING]).unwrap();
        assert_eq!(
            text,
            format!(
                "Types: deb\nURIs: http://mirror.example/debian\n\
                 Suites: bullseye bookworm trixie trixie-backports sid\nComponents: main\n\
                 Architectures: amd64\nTargets: Packages\nSigned-By: {KEYRING}\n\n\
                 Types: deb\nURIs: http://mirror.example/debian-security\n\
                 Suites: bullseye-security bookworm-security trixie-security\n\
                 Components: main\nArchitectures: amd64\nTargets: Packages\nSigned-By: {KEYRING}\n"
            )
        );
    }

    #[test]
    fn the_one_line_format_is_read() {
        let sources = read_list(
            "# deb http://old.example/debian buster main\n\
             deb-src http://mirror.example/debian bookworm main\n\
             deb [ arch=amd64 signed-by=/k.gpg,/l.gpg trusted=yes ] http://a.example/debian/ bookworm main contrib # mine\n\
             deb http://a.example/debian-security bookworm/updates main\n\
             deb\ndeb [\ndeb x\n",
        );
        assert_eq!(sources.len(), 2);
        assert_eq!(sources[0].signed_by.as_deref(), Some("/k.gpg /l.gpg"));
        assert!(sources[0].trusted && !sources[1].trusted);
        let text = amd64(&sources, &[]).unwrap();
        assert!(
            text.contains("Signed-By: /k.gpg /l.gpg\nTrusted: yes\n"),
            "{text}"
        );
        assert!(
            text.contains("URIs: http://a.example/debian-security\n"),
            "{text}"
        );
    }

    #[test]
    fn others_archives_are_not_debians() {
        let foreign = "deb http://vendor.example/linux bookworm main\n";
        let debian = "deb http://mirror.example/debian bookworm main\n";
        for text in [format!("{foreign}{debian}"), format!("{debian}{foreign}")] {
            let written = amd64(&read_list(&text), &[]).unwrap();
            assert!(written.contains("mirror.example"), "{text}");
        }
        for none in [
            "deb http://mirror.example/ubuntu noble main\n",
            "deb http://vendor.example/debian bookworm stable\n",
            "deb http://mirror.example/debian-security bookworm-security main\n",
            "",
        ] {
            assert_eq!(amd64(&read_list(none), &[]), None, "{none}");
        }
    }

    #[test]
    fn a_disabled_source_does_not_count() {
        let text = DEB822.replace("Types: deb\n", "Types: deb\nEnabled: no\n");
        assert_eq!(amd64(&read_deb822(&text), &[]), None);
    }

    #[test]
    fn a_key_in_the_source_is_taken_whole() {
        let key = "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINB\n -----END PGP PUBLIC KEY BLOCK-----";
        let text = format!(
            "Types: deb\nURIs: http://m.example/debian\nSuites: sid\nComponents: main\nSigned-By:{key}\n"
        );
        let written = amd64(&read_deb822(&text), &[KEYRING]).unwrap();
        assert!(
            written.ends_with(&format!("Signed-By: {key}\n")),
            "{written}"
        );
    }

    #[test]
    fn a_mirror_that_the_user_names_must_be_an_address() {
        assert_eq!(named("http://m.example/debian/").unwrap().len(), 2);
        assert_eq!(named("file:/srv/mirror").unwrap().len(), 1);
        for bad in ["m.example", "a b:/c", "http://x/debian\nTrusted: yes"] {
            assert_eq!(named(bad).unwrap_err().code(), "kernels-mirror-invalid");
        }
    }
}
