//! `clean`: removes what the pipeline made, and nothing else.

use std::{fs, io, path::Path};

use ebpf_build::{Error, Result, SHARED_BUILD_DIR, linker};

use crate::{
    cli,
    context::Context,
    kernels,
    outcome::Outcome,
    report::clean::{Cleaned, Removed},
};

pub(crate) fn run(request: &cli::Clean, context: &Context) -> Result<Outcome> {
    let project = context.project()?;
    let mut folders = vec![project.objects_dir()];
    folders.push(project.target_dir.join(SHARED_BUILD_DIR));
    // Every eBPF crate is built into a target folder of its own. One that is also the
    // native side's is left to `cargo clean`, unless the crate is the whole project.
    let own = project
        .ebpf_crates
        .iter()
        .map(|ebpf| (ebpf, ebpf.dir.join("target")));
    folders.extend(
        own.filter(|(ebpf, folder)| {
            !ebpf.member || ebpf.dir == project.root || *folder != project.target_dir
        })
        .map(|(_, folder)| folder),
    );
    if request.toolchain {
        folders.push(linker::cache_dir()?);
    } else if request.kernels {
        folders.push(kernels::directory()?);
    }
    let mut removed = Vec::new();
    for path in folders {
        if let Some(bytes) = remove(&path)? {
            removed.push(Removed { path, bytes });
        }
    }
    context.console.write(&Cleaned { removed })?;
    Ok(Outcome::Fine)
}

/// Removes a folder and says how much was in it; `None` when it is not there. A link
/// in its place is only unlinked: what it points to is not ours.
fn remove(path: &Path) -> Result<Option<u64>> {
    let failed = |cause: &io::Error| Error::io("remove", path, cause);
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(failed(&cause)),
    };
    let bytes = size(path);
    if metadata.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
    .map_err(|cause| failed(&cause))?;
    Ok(Some(bytes))
}

/// Bytes of all files below `path`, links not followed. What cannot be read counts
/// nothing; removing it will say why.
fn size(path: &Path) -> u64 {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::read_dir(path)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| size(&entry.path()))
            .sum(),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_unlinked_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let kept = folder.path().join("kept");
        fs::create_dir(&kept).unwrap();
        fs::write(kept.join("file"), "12345").unwrap();
        let link = folder.path().join("target");
        std::os::unix::fs::symlink(&kept, &link).unwrap();
        assert!(remove(&link).unwrap().is_some());
        assert!(!link.exists() && kept.join("file").exists());
    }

    #[test]
    fn what_is_removed_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        fs::create_dir_all(target.join("deep")).unwrap();
        fs::write(target.join("deep/file"), [0; 1000]).unwrap();
        fs::write(target.join("file"), [0; 24]).unwrap();
        assert_eq!(remove(&target).unwrap(), Some(1024));
        assert_eq!(remove(&target).unwrap(), None);
    }
}
