//! What an ELF file contains of its code: segments, names, and how to unwind it.

use std::{
    cell::OnceCell,
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    ops::Range,
    path::{Path, PathBuf},
};

use blazesym::symbolize::{
    CodeInfo, Input, Sym, Symbolizer,
    source::{Elf, Source},
};
use framehop::ExplicitModuleSectionInfo;
use object::{Object as _, ObjectSection as _, ObjectSegment as _, ReadCache, SegmentFlags, elf};

use crate::symbol::{
    data_symbols::DataSymbols,
    demangle::demangled,
    rust_path::qualify,
    tail_call::{self, TailCalls},
};

/// The largest section with unwind information that is read, in bytes: browsers have 20 MB.
const LARGEST_SECTION: u64 = 64 << 20;

/// Sections that contain the path of another file.
const LINKS: &[&str] = &[".gnu_debuglink", ".gnu_debugaltlink", ".debug_sup"];

/// A section's bytes.
pub(crate) type Bytes = std::sync::Arc<[u8]>;

/// How to unwind a file's code.
pub(crate) type UnwindSections = ExplicitModuleSectionInfo<Bytes>;

/// Where a file's code is, and what it is called by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Outline {
    /// The parts that are mapped.
    pub(super) segments: Vec<Segment>,
    /// The build id.
    pub(super) build_id: Option<Box<[u8]>>,
    /// The name of the separate debug file, as the file contains it: any bytes.
    pub(super) debug_link: Option<Box<[u8]>>,
}

/// A part of a file that is mapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// Where it is in the file.
    pub(super) file: Range<u64>,
    /// Where it is in memory, without the bias.
    pub(super) address: u64,
    /// How large it is in memory, which is more than in the file where data begins as zero.
    pub(super) size: u64,
    /// Whether it is code.
    pub(super) executable: bool,
}

/// A function at an address, as compiled or inlined.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) file: Option<String>,
    pub(super) line: Option<u32>,
    pub(super) inlined: bool,
}

/// How much of a file is read for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Detail {
    /// The symbol table.
    Symbols,
    /// Debugging information as well, and the symbol table where there is none.
    Lines,
}

/// An open file with code.
pub(super) struct CodeFile {
    file: File,
    /// A path that leads to the open file, whatever became of its name.
    path: PathBuf,
    /// The same of its separate debug file.
    debug: Option<PathBuf>,
    /// Whether its debugging information is read.
    lines: bool,
    symbolizer: Symbolizer,
    tail_calls: OnceCell<TailCalls>,
    data: OnceCell<DataSymbols>,
    sections: OnceCell<UnwindSections>,
}

impl CodeFile {
    /// `path` leads to the open file. Separate debug files are looked for in `debug_dirs`.
    pub(super) fn new(file: File, path: PathBuf, debug_dirs: &[&str]) -> Self {
        let symbolizer = Symbolizer::builder()
            .enable_auto_reload(false)
            .enable_code_info(true)
            .enable_inlined_fns(true)
            .enable_demangling(false)
            .set_debug_dirs(Some(debug_dirs))
            .build();
        Self {
            file,
            path,
            debug: None,
            lines: true,
            symbolizer,
            tail_calls: OnceCell::new(),
            data: OnceCell::new(),
            sections: OnceCell::new(),
        }
    }

    /// The open file.
    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    /// Whether its debugging information leads to other files.
    pub(super) fn refers_to_others(&self) -> bool {
        let cache = ReadCache::new(&self.file);
        object::File::parse(&cache)
            .is_ok_and(|elf| LINKS.iter().any(|name| elf.section_by_name(name).is_some()))
    }

    /// Leaves debugging information out.
    pub(super) fn forget_lines(&mut self) {
        self.lines = false;
    }

    /// Whether a separate debug file is of the same build: by its build id, or by the checksum
    /// that is part of the link to it.
    pub(super) fn is_debugged_by(&self, debug: &File) -> bool {
        let (cache, debug_cache) = (ReadCache::new(&self.file), ReadCache::new(debug));
        let (Ok(elf), Ok(debug_elf)) = (
            object::File::parse(&cache),
            object::File::parse(&debug_cache),
        ) else {
            return false;
        };
        if let (Ok(Some(id)), Ok(Some(debug_id))) = (elf.build_id(), debug_elf.build_id()) {
            return id == debug_id;
        }
        let link = elf.gnu_debuglink().ok().flatten();
        link.is_some_and(|(_, sum)| checksum(debug).is_ok_and(|found| found == sum))
    }

    /// Takes names from a separate debug file as well.
    pub(super) fn set_debug_file(&mut self, path: PathBuf) {
        self.debug = Some(path);
    }

    /// None if it is no ELF file.
    pub(super) fn outline(&self) -> Option<Outline> {
        let cache = ReadCache::new(&self.file);
        let elf = object::File::parse(&cache).ok()?;
        let segments = elf
            .segments()
            .map(|segment| {
                let (offset, size) = segment.file_range();
                Segment {
                    file: offset..offset.saturating_add(size),
                    address: segment.address(),
                    size: segment.size(),
                    executable: matches!(
                        segment.flags(),
                        SegmentFlags::Elf { p_flags, .. } if p_flags & elf::PF_X != 0
                    ),
                }
            })
            .collect();
        let debug_link = elf.gnu_debuglink().ok().flatten();
        Some(Outline {
            segments,
            build_id: elf.build_id().ok().flatten().map(Box::from),
            debug_link: debug_link.map(|(name, _)| name.into()),
        })
    }

    /// How to unwind it.
    pub(super) fn unwind_sections(&self) -> UnwindSections {
        self.sections.get_or_init(|| self.read_sections()).clone()
    }

    fn read_sections(&self) -> UnwindSections {
        let mut info = UnwindSections::default();
        let cache = ReadCache::new(&self.file);
        let Ok(elf) = object::File::parse(&cache) else {
            return info;
        };
        info.base_svma = elf
            .segments()
            .map(|segment| segment.address())
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

    /// The locking function that jumped to the nameless one with the address `call`.
    pub(super) fn tail_caller(&self, call: u64) -> Option<&str> {
        let calls = self.tail_calls.get_or_init(|| {
            let cache = ReadCache::new(&self.file);
            object::File::parse(&cache)
                .map(|elf| TailCalls::of(&elf))
                .unwrap_or_default()
        });
        if calls.is_empty() {
            return None;
        }
        let sections = self.unwind_sections();
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

    /// The variable at an address, by the symbol tables of the file and its separate debug file.
    pub(super) fn variable(&self, address: u64) -> Option<String> {
        let data = self.data.get_or_init(|| {
            let mut data = DataSymbols::default();
            data.add(&self.file);
            if let Some(debug) = self.debug.as_deref()
                && let Ok(debug) = File::open(debug)
            {
                data.add(&debug);
            }
            data.finish()
        });
        data.name(address)
    }

    /// The functions at an address, innermost first. None: there is no name.
    pub(super) fn functions(&self, call: u64, detail: Detail) -> Vec<Function> {
        let lines = (self.lines && detail == Detail::Lines).then_some(true);
        // Debugging information that is broken, or of another build, is no reason to know
        // nothing.
        let ways = [
            (self.debug.as_deref(), lines),
            (Some(self.path.as_path()), lines),
            (Some(self.path.as_path()), Some(false)),
        ];
        ways.into_iter()
            .find_map(|(path, debug_syms)| self.symbolize(path?, call, debug_syms?))
            .unwrap_or_default()
    }

    fn symbolize(&self, path: &Path, call: u64, debug_syms: bool) -> Option<Vec<Function>> {
        let mut elf = Elf::new(path);
        elf.debug_syms = debug_syms;
        let found = self
            .symbolizer
            .symbolize_single(&Source::Elf(elf), Input::VirtOffset(call));
        Some(expand(found.ok()?.into_sym()?))
    }
}

fn checksum(mut file: &File) -> io::Result<u32> {
    file.seek(SeekFrom::Start(0))?;
    let mut sum = crc32fast::Hasher::new();
    let mut bytes = vec![0; 1 << 16];
    loop {
        match file.read(&mut bytes)? {
            0 => return Ok(sum.finalize()),
            count => sum.update(bytes.get(..count).unwrap_or_default()),
        }
    }
}

fn expand(symbol: Sym<'_>) -> Vec<Function> {
    let function = |name: &str, code: Option<&CodeInfo<'_>>, inlined| {
        let file = code.map(|code| code.to_path().to_string_lossy().into_owned());
        let name = &*demangled(name);
        let path = file.as_deref().and_then(|file| qualify(name, file));
        // glibc's own calls lead to a second name of the same function, and compilers
        // have names for their copies of one.
        let name = || {
            let name = name.strip_prefix("__GI_").unwrap_or(name);
            let (name, _) = name.split_once(" [clone ").unwrap_or((name, ""));
            name.to_owned()
        };
        Function {
            name: path.unwrap_or_else(name),
            file,
            line: code.and_then(|code| code.line),
            inlined,
        }
    };
    let mut functions: Vec<Function> = symbol
        .inlined
        .iter()
        .rev()
        .map(|inner| function(&inner.name, inner.code_info.as_ref(), true))
        .collect();
    functions.push(function(&symbol.name, symbol.code_info.as_deref(), false));
    functions
}
