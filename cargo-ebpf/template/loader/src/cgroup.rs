//! Cgroups.

use std::fs::{self, File};

use crate::Result;

/// Opens the cgroup at `path`. If that is empty: the root of all cgroups (version 2).
///
/// # Errors
/// If there is none.
pub fn open(path: &str) -> Result<File> {
    if !path.is_empty() {
        return Ok(File::open(path)?);
    }
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let root = mounts.lines().find_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (path, kind) = (words.next()?, words.next()?);
        (kind == "cgroup2").then_some(path)
    });
    Ok(File::open(root.ok_or("no cgroup2 is mounted")?)?)
}
