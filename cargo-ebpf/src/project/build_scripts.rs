//! Which crates build scripts build for BPF.

use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, Package};

/// The crates that build for BPF in build scripts.
const BUILDERS: [&str; 2] = ["aya_build", "ebpf_build"];

/// What the build scripts of a workspace build for BPF.
#[derive(Debug, Default)]
pub(super) struct Handed {
    /// Texts in them. One may be a crate's name.
    texts: Vec<String>,
    /// The directories of crates that they may mean.
    directories: Vec<PathBuf>,
}

/// What the build scripts that use one of these crates name: in strings, and, as aya-template's
/// does, as a build-dependency.
pub(super) fn handed(metadata: &Metadata) -> Handed {
    let mut handed = Handed::default();
    for package in metadata.workspace_packages() {
        let Some(text) = script(package) else {
            continue;
        };
        if !BUILDERS.iter().any(|builder| text.contains(builder)) {
            continue;
        }
        let own = package.manifest_path.parent().map(Into::into);
        let own: PathBuf = own.unwrap_or_default();
        for string in text.split('"').skip(1).step_by(2) {
            handed.directories.extend(own.join(string).canonicalize());
            handed.texts.push(string.to_owned());
        }
        let needed = package.dependencies.iter();
        handed.directories.extend(
            needed
                .filter(|needed| needed.kind == DependencyKind::Build)
                .filter_map(|needed| Some(needed.path.as_ref()?.as_std_path().to_owned())),
        );
    }
    handed
}

impl Handed {
    /// Whether a package may be one of them.
    pub(super) fn contain(&self, name: &str, dir: &Path) -> bool {
        self.texts.iter().any(|text| text == name) || self.directories.iter().any(|one| one == dir)
    }
}

/// The text of a package's build script.
fn script(package: &Package) -> Option<String> {
    let mut targets = package.targets.iter();
    let script = targets.find(|target| target.is_custom_build())?;
    ebpf_base::read_text(script.src_path.as_std_path()).ok()
}
