//! The files with code that processes run, each opened once.

use std::{
    collections::HashMap,
    fs::File,
    io,
    os::{fd::AsRawFd as _, unix::fs::MetadataExt as _},
    path::Path,
    rc::Rc,
    time::Duration,
};

use ebpf_base::units::plural;

use crate::symbol::{
    code_file::{CodeFile, Outline},
    confined::Readers,
    debug_files::{self, DebugFiles},
    mapping::Mapping,
    module::{Module, Reading},
    ownership::{self, Owner},
    perf_map::Budgets,
    root::{self, Links},
};

/// How many files are kept open: a process may have 1024 by default.
pub(crate) const MOST_FILES: usize = 384;

/// How many may be open at a time: one process may map more than there are descriptors.
const MOST_OPEN: usize = 640;

/// A file: device, inode, path. Inode numbers alone are not unique in some file systems.
type Key = (String, u64, String);

/// The files by what `/proc/PID/maps` says of them.
#[derive(Default)]
pub(crate) struct Modules {
    /// None: no ELF file.
    files: HashMap<Key, Option<Rc<Module>>>,
    /// How many files and processes this user may not read.
    pub(crate) denied: u64,
    /// How many mappings were not read, as too many files were open.
    passed_over: u64,
    /// What the perf maps of each user take.
    pub(crate) perf_maps: Budgets,
    readers: Readers,
}

impl Modules {
    /// The file of a mapping. None if it cannot be opened or is no ELF file.
    pub(crate) fn open(&mut self, pid: u32, mapping: &Mapping) -> Option<Rc<Module>> {
        let key = (mapping.device.clone(), mapping.inode, mapping.path.clone());
        if let Some(known) = self.files.get(&key) {
            return known.clone();
        }
        if self.files.len() >= MOST_OPEN {
            self.passed_over = self.passed_over.saturating_add(1);
            return None;
        }
        let file = match open(pid, mapping) {
            Ok(file) => file,
            Err(error) => {
                self.count(&error);
                return None;
            }
        };
        let module = self
            .read(pid, mapping, file)
            .map(|(file, outline)| Rc::new(Module::new(mapping.name().to_owned(), file, outline)));
        self.files.insert(key, module.clone());
        module
    }

    /// Takes an open file in. None if it is no ELF file.
    fn read(&mut self, pid: u32, mapping: &Mapping, file: File) -> Option<(Reading, Outline)> {
        let path = Path::new(mapping.file_path());
        if ownership::is_roots_own(&file, path) {
            let number = file.as_raw_fd();
            let link = format!("/proc/self/fd/{number}");
            let code = CodeFile::new(file, link.into(), debug_files::DIRECTORIES);
            let outline = code.outline()?;
            return Some((Reading::Here(Box::new(code)), outline));
        }
        let owner = Owner::of(&file, pid).ok()?;
        let debug_files = DebugFiles {
            pid,
            uid: owner.uid,
            path: path.to_owned(),
        };
        let (file, outline) = self.readers.open(owner, file, debug_files)?;
        Some((Reading::Confined(file), outline))
    }

    /// The CPU time of reading elsewhere.
    pub(crate) fn readers_cpu(&self) -> Duration {
        self.readers.cpu()
    }

    /// What of files of others was not read, one sentence each.
    pub(crate) fn unread(&self) -> Vec<String> {
        let mut notes = self.readers.notes();
        notes.extend(self.perf_maps.note());
        if self.passed_over > 0 {
            notes.push(format!(
                "functions at {} have no names, because more than {MOST_OPEN} files were mapped \
                 at once",
                plural(self.passed_over, "mapping")
            ));
        }
        notes
    }

    /// Counts what may not be read. That a process ended is nobody's fault.
    pub(crate) fn count(&mut self, error: &io::Error) {
        if error.kind() == io::ErrorKind::PermissionDenied {
            self.denied = self.denied.saturating_add(1);
        }
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
fn open(pid: u32, mapping: &Mapping) -> io::Result<File> {
    let (start, end) = (mapping.range.start, mapping.range.end);
    let same = |file: File| {
        if file.metadata()?.ino() == mapping.inode {
            Ok(file)
        } else {
            Err(io::Error::from(io::ErrorKind::NotFound))
        }
    };
    let own = std::process::id();
    let path = Path::new(mapping.file_path());
    // The kernel's own link, for those with CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE.
    root::open_link(&format!("/proc/{pid}/map_files/{start:x}-{end:x}"))
        // It is this very file that is mapped: whoever may read it, its process has it.
        .or_else(|_| root::open(pid, 0, path, Links::Followed).and_then(same))
        .or_else(|_| root::open_link(&format!("/proc/{pid}/exe")).and_then(same))
        // Where the process is gone, its root is, too. Most had the same as this process.
        .or_else(|error| match root::is_gone(pid) {
            true => root::open(own, 0, path, Links::Followed).and_then(same),
            false => Err(error),
        })
}
