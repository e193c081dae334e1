//! What fuzz targets give their inputs to: what the recorder itself evaluates of files of
//! others.

use crate::symbol::{
    call_frames,
    code_file::UnwindSections,
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
