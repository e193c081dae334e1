//! What fuzz targets give their inputs to: what the recorder itself evaluates of files of
//! others.

use std::{
    fs::File,
    io::Write as _,
    path::{Component, Path, PathBuf},
};

use rustix::fs::{MemfdFlags, memfd_create};

use crate::symbol::{
    call_frames,
    code_file::{Outline, UnwindSections},
    confined::{self, Readers},
    debug_files::{self, DebugFiles},
    ownership::Owner,
    perf_map::PerfMap,
    unwind::{Cache, ProcessUnwinder, Registers},
};

/// Unwind information: a byte that chooses the kind of section, an address, then the section.
pub(crate) fn unwinding(data: &[u8]) {
    let Some((&[kind, low, high], section)) = data.split_first_chunk::<3>() else {
        return;
    };
    let mut sections = UnwindSections::default();
    if kind % 2 == 0 {
        sections.eh_frame_svma = Some(0..section.len() as u64);
        sections.eh_frame = Some(section.into());
    } else {
        sections.debug_frame = Some(section.into());
    }
    call_frames::check(&mut sections);
    let mut unwinder = ProcessUnwinder::new();
    let mut cache = Cache::default();
    let module = framehop::Module::new("a".to_owned(), 0..1 << 30, 0, sections);
    cache.add(&mut unwinder, module);
    let registers = Registers {
        ip: u64::from(u16::from_le_bytes([low, high])),
        sp: 1 << 40,
        bp: 1 << 40,
    };
    cache.unwind(&unwinder, registers, &[low; 256], |_| true);
}

/// A perf map that comes in two parts.
pub(crate) fn perf_map(data: &[u8]) {
    let mut map = PerfMap::default();
    let (first, second) = data.split_at(data.len() / 2);
    map.add(first);
    map.add(second);
    map.known(0x1000);
}

/// A file with code: two bytes of an address, then the file, which is read in a process of its own
/// as the files of others are. Only that process may fail.
pub(crate) fn code_file(data: &[u8]) {
    let Some((&address, content)) = data.split_first_chunk::<2>() else {
        return;
    };
    let address = u64::from(u16::from_le_bytes(address));
    let Ok(mut file) = memfd_create("code", MemfdFlags::CLOEXEC).map(File::from) else {
        return;
    };
    let pid = std::process::id();
    let (true, Ok(owner)) = (file.write_all(content).is_ok(), Owner::of(&file, pid)) else {
        return;
    };
    let debug_files = DebugFiles {
        pid,
        uid: owner.uid,
        path: PathBuf::from("/nowhere/code"),
    };
    let mut readers = Readers::default();
    let Some((file, _)) = readers.open(owner, file, debug_files) else {
        return;
    };
    file.functions(address);
    file.tail_caller(address);
    file.variable(address);
    file.unwind_sections();
}

/// The names by which a file refers to its separate debug file: the length of the build id, that,
/// and the link.
pub(crate) fn debug_link(data: &[u8]) {
    const DIRECTORY: &str = "/opt/lib";
    let Some((&[length], names)) = data.split_first_chunk::<1>() else {
        return;
    };
    let (id, link) = names.split_at(names.len().min(length.into()));
    let outline = Outline {
        build_id: (length > 0).then(|| id.into()),
        debug_link: Some(link.into()),
        ..Outline::default()
    };
    let directories = || debug_files::DIRECTORIES.iter().chain([&DIRECTORY]);
    for path in debug_files::candidates(&Path::new(DIRECTORY).join("a.so"), &outline) {
        let stays = path.components().all(|part| part != Component::ParentDir);
        assert!(
            stays && directories().any(|directory| path.starts_with(directory)),
            "{path:?}"
        );
    }
}

/// The answer of a process that reads files of others.
pub(crate) fn reader_answer(data: &[u8]) {
    confined::parse_answers(data);
}
