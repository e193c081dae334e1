//! The files with code that processes run, each opened once.

use std::{collections::HashMap, fs::File, os::unix::fs::MetadataExt as _, path::Path, rc::Rc};

use crate::symbol::{
    mapping::{DELETED, Mapping},
    module::Module,
    process::debug_folders,
    root,
};

/// How many files are kept open: a process may have 1024 by default.
pub(crate) const MOST_FILES: usize = 384;

/// A file: device, inode, path. Inode numbers alone are not unique in some file systems.
type Key = (String, u64, String);

/// The files by what `/proc/PID/maps` says of them.
#[derive(Default)]
pub(crate) struct Modules {
    /// None: no ELF file.
    files: HashMap<Key, Option<Rc<Module>>>,
    /// How many files could not be opened.
    pub(crate) unreadable: u64,
}

impl Modules {
    /// The file of a mapping. None if it cannot be opened or is no ELF file.
    pub(crate) fn open(&mut self, pid: u32, mapping: &Mapping) -> Option<Rc<Module>> {
        let key = (mapping.device.clone(), mapping.inode, mapping.path.clone());
        if let Some(known) = self.files.get(&key) {
            return known.clone();
        }
        let Some(file) = open(pid, mapping) else {
            self.unreadable = self.unreadable.saturating_add(1);
            return None;
        };
        let name = mapping.name().to_owned();
        let module = Module::new(name, file, debug_folders(pid)).map(Rc::new);
        self.files.insert(key, module.clone());
        module
    }

    /// Whether there are too many files, after those that no process has are closed.
    pub(crate) fn too_many(&mut self) -> bool {
        if self.files.len() <= MOST_FILES {
            return false;
        }
        self.files.retain(|_, module| {
            module
                .as_ref()
                .is_some_and(|file| Rc::strong_count(file) > 1)
        });
        self.files.len() > MOST_FILES
    }
}

/// Opens the very file that is mapped, whatever its path leads to now.
fn open(pid: u32, mapping: &Mapping) -> Option<File> {
    let (start, end) = (mapping.range.start, mapping.range.end);
    // The kernel's own link, for those with CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE.
    if let Ok(file) = root::open_link(&format!("/proc/{pid}/map_files/{start:x}-{end:x}")) {
        return Some(file);
    }
    let same = |file: &File| {
        file.metadata()
            .is_ok_and(|found| found.ino() == mapping.inode)
    };
    let path = mapping.path.strip_suffix(DELETED).unwrap_or(&mapping.path);
    root::open(pid, Path::new(path))
        .ok()
        .filter(same)
        .or_else(|| {
            root::open_link(&format!("/proc/{pid}/exe"))
                .ok()
                .filter(same)
        })
}
