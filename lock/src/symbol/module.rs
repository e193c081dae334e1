//! A program or library on disk: its names, its build id, and how to unwind it. Stays open,
//! so that it can be read after the process ended, or the file was deleted or replaced.

use std::{
    cell::{OnceCell, RefCell},
    collections::HashMap,
    fs::File,
    io::Read as _,
    ops::Range,
    os::fd::AsRawFd as _,
    path::PathBuf,
    rc::Rc,
    sync::Arc,
};

use blazesym::symbolize::{
    CodeInfo, Input, Sym, Symbolizer,
    source::{Elf, Source},
};
use framehop::ExplicitModuleSectionInfo;
use object::{Object as _, ObjectSection as _, ObjectSegment as _, ReadCache, SegmentFlags, elf};

use crate::{
    profile::snapshot::Frame,
    symbol::{
        rust_path::qualify,
        tail_call::{self, TailCalls},
    },
};

/// How many addresses are remembered per file.
const MOST_REMEMBERED: usize = 1 << 14;

/// The largest section with unwind information that is read, in bytes: browsers have 20 MB.
const LARGEST_SECTION: u64 = 256 << 20;

/// A section's bytes.
pub(crate) type Bytes = Arc<[u8]>;

/// A file with code.
pub(crate) struct Module {
    /// The file's name.
    pub(crate) name: String,
    /// The same with the build id, for frames of which nothing else is known.
    pub(crate) name_with_build_id: String,
    file: File,
    segments: Vec<Segment>,
    sections: OnceCell<ExplicitModuleSectionInfo<Bytes>>,
    tail_calls: OnceCell<TailCalls>,
    symbolizer: Symbolizer,
    frames: RefCell<HashMap<u64, Rc<[Frame]>>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Segment {
    file: Range<u64>,
    address: u64,
    executable: bool,
}

impl Module {
    /// Takes an open file in. None if it is no ELF file. Separate debug files are looked for
    /// in `debug_dirs`, too: those of a container.
    pub(crate) fn new(name: String, file: File, debug_dirs: Vec<PathBuf>) -> Option<Self> {
        let (segments, build_id) = {
            let cache = ReadCache::new(&file);
            let elf = object::File::parse(&cache).ok()?;
            let segments = elf
                .segments()
                .map(|segment| {
                    let (offset, size) = segment.file_range();
                    Segment {
                        file: offset..offset.saturating_add(size),
                        address: segment.address(),
                        executable: matches!(
                            segment.flags(),
                            SegmentFlags::Elf { p_flags, .. } if p_flags & elf::PF_X != elf::ProgramFlags(0)
                        ),
                    }
                })
                .collect();
            let build_id = elf.build_id().ok().flatten().map(<[u8]>::to_vec);
            (segments, build_id)
        };
        let name_with_build_id = match build_id {
            Some(id) => {
                let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("{name} (build id {id})")
            }
            None => name.clone(),
        };
        let mut folders: Vec<PathBuf> = vec!["/usr/lib/debug".into(), "/lib/debug".into()];
        folders.extend(debug_dirs);
        let symbolizer = Symbolizer::builder()
            .enable_auto_reload(false)
            .enable_code_info(true)
            .enable_inlined_fns(true)
            .enable_demangling(true)
            .set_debug_dirs(Some(folders))
            .build();
        Some(Self {
            name,
            name_with_build_id,
            file,
            segments,
            sections: OnceCell::new(),
            tail_calls: OnceCell::new(),
            symbolizer,
            frames: RefCell::default(),
        })
    }

    /// How much further than it says in the file a mapping is: what is subtracted from an
    /// address of the process to have the file's.
    pub(crate) fn bias(&self, mapped: u64, offset: u64) -> Option<u64> {
        // A segment's mapping begins where its page does: two segments can claim an offset.
        const PAGE: u64 = 4096;
        let holds = |segment: &&Segment| {
            (segment.file.start / PAGE * PAGE..segment.file.end).contains(&offset)
        };
        let segment = self
            .segments
            .iter()
            .filter(|segment| segment.executable)
            .find(holds)
            .or_else(|| self.segments.iter().find(holds))?;
        let address = segment
            .address
            .wrapping_add(offset)
            .wrapping_sub(segment.file.start);
        Some(mapped.wrapping_sub(address))
    }

    /// What tells how to unwind it.
    pub(crate) fn sections(&self) -> ExplicitModuleSectionInfo<Bytes> {
        self.sections.get_or_init(|| self.read_sections()).clone()
    }

    fn read_sections(&self) -> ExplicitModuleSectionInfo<Bytes> {
        let mut info = ExplicitModuleSectionInfo::default();
        let cache = ReadCache::new(&self.file);
        let Ok(elf) = object::File::parse(&cache) else {
            return info;
        };
        info.base_svma = self
            .segments
            .iter()
            .map(|segment| segment.address)
            .min()
            .unwrap_or(0);
        let range = |name: &str| {
            let section = elf.section_by_name(name)?;
            Some(section.address()..section.address().saturating_add(section.size()))
        };
        let bytes = |name: &str| {
            let section = elf.section_by_name(name)?;
            (section.size() <= LARGEST_SECTION).then_some(())?;
            let data = section.compressed_data().ok()?;
            if data.format == object::CompressionFormat::None {
                return Some(Bytes::from(data.data));
            }
            // Go's linker compresses debugging information.
            (data.format == object::CompressionFormat::Zlib).then_some(())?;
            (data.uncompressed_size <= LARGEST_SECTION).then_some(())?;
            let mut plain = Vec::new();
            flate2::read::ZlibDecoder::new(data.data)
                .take(data.uncompressed_size)
                .read_to_end(&mut plain)
                .ok()?;
            Some(Bytes::from(plain))
        };
        info.text_svma = range(".text");
        info.got_svma = range(".got");
        info.eh_frame_svma = range(".eh_frame");
        info.eh_frame = bytes(".eh_frame").filter(|bytes| bytes.len() > 4);
        info.eh_frame_hdr_svma = range(".eh_frame_hdr");
        info.eh_frame_hdr = bytes(".eh_frame_hdr");
        if info.eh_frame.is_none() {
            info.debug_frame = bytes(".debug_frame");
        }
        info
    }

    /// The frames at an address of the file, innermost first. `call` is the address to look
    /// up, `address` the one to show.
    pub(crate) fn frames(&self, call: u64, address: u64) -> Rc<[Frame]> {
        let mut frames = self.frames.borrow_mut();
        // A thread's innermost address is no return address, and never the same as one.
        if let Some(known) = frames.get(&call) {
            return Rc::clone(known);
        }
        if frames.len() >= MOST_REMEMBERED {
            frames.clear();
        }
        let found: Rc<[Frame]> = self.look_up(call, address).into();
        frames.insert(call, Rc::clone(&found));
        found
    }

    /// The locking function that jumped to the nameless one with the address `call`.
    pub(crate) fn tail_caller(&self, call: u64) -> Option<&str> {
        let calls = self.tail_calls.get_or_init(|| {
            let cache = ReadCache::new(&self.file);
            object::File::parse(&cache)
                .map(|elf| TailCalls::of(&elf))
                .unwrap_or_default()
        });
        if calls.is_empty() {
            return None;
        }
        let sections = self.sections();
        let start = tail_call::function_start(
            (
                sections.eh_frame_hdr.as_deref()?,
                sections.eh_frame_hdr_svma?.start,
            ),
            (sections.eh_frame.as_deref()?, sections.eh_frame_svma?.start),
            call,
        )?;
        calls.name(start)
    }

    fn look_up(&self, call: u64, address: u64) -> Vec<Frame> {
        let mut elf = Elf::new(format!("/proc/self/fd/{}", self.file.as_raw_fd()));
        let with_debug = self
            .symbolizer
            .symbolize_single(&Source::Elf(elf.clone()), Input::VirtOffset(call));
        let found = match with_debug {
            Ok(found) if found.as_sym().is_some() => Ok(found),
            // Debugging information that is broken, or of another build, is no reason to
            // know nothing.
            _ => {
                elf.debug_syms = false;
                self.symbolizer
                    .symbolize_single(&Source::Elf(elf), Input::VirtOffset(call))
            }
        };
        match found.ok().and_then(|found| found.into_sym()) {
            Some(symbol) => self.expand(symbol, address),
            None => vec![Frame {
                address,
                module: self.name_with_build_id.clone(),
                ..Frame::default()
            }],
        }
    }

    fn expand(&self, symbol: Sym<'_>, address: u64) -> Vec<Frame> {
        let frame = |name: &str, code: Option<&CodeInfo<'_>>, inlined| {
            let file = code.map(|code| code.to_path().to_string_lossy().into_owned());
            let path = file.as_deref().and_then(|file| qualify(name, file));
            // glibc's own calls lead to a second name of the same function, and compilers
            // have names for their copies of one.
            let name = || {
                let name = name.strip_prefix("__GI_").unwrap_or(name);
                let (name, _) = name.split_once(" [clone ").unwrap_or((name, ""));
                name.to_owned()
            };
            Frame {
                address,
                function: Some(path.unwrap_or_else(name)),
                module: self.name.clone(),
                file,
                line: code.and_then(|code| code.line),
                inlined,
            }
        };
        let mut frames: Vec<Frame> = symbol
            .inlined
            .iter()
            .rev()
            .map(|inner| frame(&inner.name, inner.code_info.as_ref(), true))
            .collect();
        frames.push(frame(&symbol.name, symbol.code_info.as_deref(), false));
        frames
    }
}
