//! One function per command of bpf(2).

use std::{
    ffi::{CStr, c_char},
    io,
    os::fd::{AsRawFd as _, BorrowedFd, OwnedFd},
};

use aya_obj::generated::{
    bpf_attr, bpf_cmd, bpf_func_info, bpf_insn, bpf_line_info, bpf_map_type, bpf_prog_info,
};
use ebpf_base::syscall::{bpf, bpf_descriptor};
use ebpf_object::link::Shape;

/// An attribute with every byte zero, which is how the kernel wants unused fields.
fn zeroed() -> bpf_attr {
    // SAFETY: the union has integers only, for which zero is a valid value.
    unsafe { std::mem::zeroed() }
}

/// Copies a name for people into the kernel's 16 bytes: what does not fit is cut,
/// what the kernel does not allow in names becomes an underscore.
fn set_name(field: &mut [c_char; 16], name: &str) {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    for (byte, c) in field.iter_mut().take(15).zip(name.chars()) {
        *byte = (if allowed(c) { c } else { '_' }) as u8 as c_char;
    }
}

/// Types of a map's key and value, from a BTF that the kernel took.
#[derive(Debug, Clone, Copy)]
pub(super) struct MapTypes<'fd> {
    pub(super) btf: BorrowedFd<'fd>,
    pub(super) key: u32,
    pub(super) value: u32,
}

/// Creates a map.
pub(super) fn map_create(
    name: &str,
    shape: &Shape,
    inner: Option<BorrowedFd<'_>>,
    types: Option<MapTypes<'_>>,
) -> io::Result<OwnedFd> {
    let mut attribute = zeroed();
    // SAFETY: every byte pattern is a valid value of this all-integer variant.
    let request = unsafe { &mut attribute.__bindgen_anon_1 };
    request.map_type = shape.map_type;
    request.key_size = shape.key_size;
    request.value_size = shape.value_size;
    request.max_entries = shape.max_entries;
    request.map_flags = shape.flags;
    request.map_extra = shape.extra;
    set_name(&mut request.map_name, name);
    if let Some(inner) = inner {
        request.inner_map_fd = inner.as_raw_fd() as u32;
    }
    if let Some(types) = types {
        request.btf_fd = types.btf.as_raw_fd() as u32;
        request.btf_key_type_id = types.key;
        request.btf_value_type_id = types.value;
    }
    // SAFETY: the attribute holds no address; the command makes a descriptor.
    unsafe { bpf_descriptor(bpf_cmd::BPF_MAP_CREATE as u32, &mut attribute) }
}

/// Writes the one value of an array map. `value` must be as long as the map's values.
pub(super) fn map_write_first(map: BorrowedFd<'_>, value: &[u8]) -> io::Result<()> {
    let key = 0_u32;
    let mut attribute = zeroed();
    // SAFETY: every byte pattern is a valid value of this all-integer variant.
    let request = unsafe { &mut attribute.__bindgen_anon_2 };
    request.map_fd = map.as_raw_fd() as u32;
    request.key = std::ptr::from_ref(&key) as u64;
    request.__bindgen_anon_1.value = value.as_ptr() as u64;
    // SAFETY: key and value outlive the call, and the caller made the map with
    // values of this length.
    unsafe { bpf(bpf_cmd::BPF_MAP_UPDATE_ELEM as u32, &mut attribute) }.map(drop)
}

/// Makes a map read-only for user space, so that the verifier may take its contents
/// for constants. Linux 5.2.
pub(super) fn map_freeze(map: BorrowedFd<'_>) -> io::Result<()> {
    let mut attribute = zeroed();
    attribute.__bindgen_anon_2.map_fd = map.as_raw_fd() as u32;
    // SAFETY: the attribute holds no address.
    unsafe { bpf(bpf_cmd::BPF_MAP_FREEZE as u32, &mut attribute) }.map(drop)
}

/// Maps an arena of so many bytes into this process, at `address` unless it is 0, and writes
/// `contents` to its beginning. It stays mapped: programs may only be loaded while it is.
pub(super) fn arena_map(
    map: BorrowedFd<'_>,
    address: u64,
    bytes: u64,
    contents: &[u8],
) -> io::Result<()> {
    let length = usize::try_from(bytes).map_err(io::Error::other)?;
    if contents.len() > length {
        return Err(io::Error::other("its variables are larger than the arena"));
    }
    let fixed = if address == 0 {
        0
    } else {
        // Never over what is there already.
        libc::MAP_FIXED_NOREPLACE
    };
    // SAFETY: the kernel chooses an unused address, or takes the wished one only if unused.
    let start = unsafe {
        libc::mmap(
            address as *mut libc::c_void,
            length,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | fixed,
            map.as_raw_fd(),
            0,
        )
    };
    if start == libc::MAP_FAILED {
        let error = io::Error::last_os_error();
        return Err(io::Error::other(format!(
            "it could not be mapped into this process: {error}"
        )));
    }
    // SAFETY: the mapping is new, writable and at least as long, as checked above.
    unsafe {
        start
            .cast::<u8>()
            .copy_from_nonoverlapping(contents.as_ptr(), contents.len());
    }
    Ok(())
}

/// Hands BTF to the kernel. On refusal the kernel's reason is in `log`.
pub(super) fn btf_load(btf: &[u8], log: Option<&mut Vec<u8>>) -> io::Result<OwnedFd> {
    let mut attribute = zeroed();
    // SAFETY: every byte pattern is a valid value of this all-integer variant.
    let request = unsafe { &mut attribute.__bindgen_anon_7 };
    request.btf = btf.as_ptr() as u64;
    request.btf_size = u32::try_from(btf.len()).map_err(io::Error::other)?;
    if let Some(log) = log {
        request.btf_log_level = 1;
        request.btf_log_size = u32::try_from(log.len()).map_err(io::Error::other)?;
        request.btf_log_buf = log.as_mut_ptr() as u64;
    }
    // SAFETY: both buffers outlive the call and are as long as stated.
    unsafe { bpf_descriptor(bpf_cmd::BPF_BTF_LOAD as u32, &mut attribute) }
}

/// Types and source lines of a program's functions, from a BTF that the kernel took.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProgramTypes<'a> {
    pub(super) btf: BorrowedFd<'a>,
    pub(super) functions: &'a [bpf_func_info],
    pub(super) lines: &'a [bpf_line_info],
}

/// What BPF_PROG_LOAD is asked.
#[derive(Debug, Clone)]
pub(super) struct ProgramLoad<'a> {
    pub(super) name: &'a str,
    pub(super) program_type: u32,
    pub(super) expected_attach_type: u32,
    pub(super) flags: u32,
    pub(super) instructions: &'a [bpf_insn],
    pub(super) license: &'a CStr,
    pub(super) kernel_version: u32,
    /// A type of the kernel's own BTF, or of that of `attach_program`; 0 for programs that
    /// have no such target.
    pub(super) attach_btf_id: u32,
    /// The program that it replaces a function of.
    pub(super) attach_program: Option<BorrowedFd<'a>>,
    pub(super) types: Option<ProgramTypes<'a>>,
}

/// Where the verifier writes, and how much of what it says.
#[derive(Debug)]
pub(super) struct LogBuffer<'a> {
    pub(super) level: u32,
    pub(super) bytes: &'a mut [u8],
    /// What the whole log would have needed: Linux 6.4, else 0.
    pub(super) true_size: u32,
}

impl LogBuffer<'_> {
    /// Nothing is written.
    pub(super) fn none() -> Self {
        Self {
            level: 0,
            bytes: &mut [],
            true_size: 0,
        }
    }
}

/// Loads a program, with nothing attached.
pub(super) fn prog_load(load: &ProgramLoad<'_>, log: &mut LogBuffer<'_>) -> io::Result<OwnedFd> {
    let count = |length: usize| u32::try_from(length).map_err(io::Error::other);
    let mut attribute = zeroed();
    // SAFETY: every byte pattern is a valid value of this all-integer variant.
    let request = unsafe { &mut attribute.__bindgen_anon_3 };
    request.prog_type = load.program_type;
    request.expected_attach_type = load.expected_attach_type;
    request.prog_flags = load.flags;
    request.insns = load.instructions.as_ptr() as u64;
    request.insn_cnt = count(load.instructions.len())?;
    request.license = load.license.as_ptr() as u64;
    request.kern_version = load.kernel_version;
    request.attach_btf_id = load.attach_btf_id;
    if let Some(program) = load.attach_program {
        request.__bindgen_anon_1.attach_prog_fd = program.as_raw_fd() as u32;
    }
    request.log_level = log.level;
    request.log_size = count(log.bytes.len())?;
    if log.level > 0 {
        // Without a level the kernel wants no buffer either.
        request.log_buf = log.bytes.as_mut_ptr() as u64;
    }
    set_name(&mut request.prog_name, load.name);
    if let Some(types) = load.types {
        // The kernel refuses records without a BTF that they could refer to.
        request.prog_btf_fd = types.btf.as_raw_fd() as u32;
        request.func_info = types.functions.as_ptr() as u64;
        request.func_info_cnt = count(types.functions.len())?;
        request.func_info_rec_size = size_of::<bpf_func_info>() as u32;
        request.line_info = types.lines.as_ptr() as u64;
        request.line_info_cnt = count(types.lines.len())?;
        request.line_info_rec_size = size_of::<bpf_line_info>() as u32;
    }
    // SAFETY: every address is that of a borrowed slice or string which outlives the
    // call, with its own length and record size beside it.
    let result = unsafe { bpf_descriptor(bpf_cmd::BPF_PROG_LOAD as u32, &mut attribute) };
    // SAFETY: every byte pattern is a valid value of this all-integer variant.
    log.true_size = unsafe { attribute.__bindgen_anon_3.log_true_size };
    result
}

/// What the kernel knows of a loaded program. Fields that this kernel does not have
/// are 0.
pub(super) fn prog_info(program: BorrowedFd<'_>) -> io::Result<bpf_prog_info> {
    // SAFETY: the struct has integers only, for which zero is a valid value.
    let mut info: bpf_prog_info = unsafe { std::mem::zeroed() };
    let mut attribute = zeroed();
    attribute.info.bpf_fd = program.as_raw_fd() as u32;
    attribute.info.info_len = size_of::<bpf_prog_info>() as u32;
    attribute.info.info = std::ptr::from_mut(&mut info) as u64;
    // SAFETY: the kernel writes at most the stated length into the struct, and no
    // further, since all addresses within it are null.
    unsafe { bpf(bpf_cmd::BPF_OBJ_GET_INFO_BY_FD as u32, &mut attribute) }.map(|_| info)
}

/// Attaches a program to a tracepoint, raw or with BTF, or to the function that it was
/// loaded for. `name` is that of a raw tracepoint; others have theirs from the load.
/// Detached when the descriptor is dropped.
pub(super) fn raw_tracepoint_open(
    name: Option<&CStr>,
    program: BorrowedFd<'_>,
) -> io::Result<OwnedFd> {
    let mut attribute = zeroed();
    // SAFETY: every byte pattern is a valid value of this all-integer variant.
    let request = unsafe { &mut attribute.raw_tracepoint };
    request.name = name.map_or(0, |name| name.as_ptr() as u64);
    request.prog_fd = program.as_raw_fd() as u32;
    // SAFETY: the name outlives the call and ends with a NUL; the command makes a
    // descriptor.
    unsafe { bpf_descriptor(bpf_cmd::BPF_RAW_TRACEPOINT_OPEN as u32, &mut attribute) }
}

/// What a link attaches a program to.
#[derive(Debug, Clone, Copy)]
pub(super) enum LinkTarget<'a> {
    /// What the program was loaded for.
    OfProgram,
    /// A cgroup, or a network namespace.
    Descriptor(BorrowedFd<'a>),
    /// A network device, by its index.
    Device(u32),
    /// Functions of the kernel, by name: their entries, or their returns.
    Functions { names: &'a [&'a CStr], flags: u32 },
    /// Places in a file, by their offset.
    Places {
        path: &'a CStr,
        offsets: &'a [u64],
        flags: u32,
    },
    /// A hook of netfilter: protocol family, number of the hook, priority.
    Netfilter {
        family: u32,
        hook: u32,
        priority: i32,
    },
}

/// Attaches a program. Detached when the descriptor is dropped.
pub(super) fn link_create(
    program: BorrowedFd<'_>,
    attach_type: u32,
    target: LinkTarget<'_>,
) -> io::Result<OwnedFd> {
    let count = |length: usize| u32::try_from(length).map_err(io::Error::other);
    let addresses: Vec<u64>;
    let mut attribute = zeroed();
    // SAFETY: every byte pattern is a valid value of this all-integer variant.
    let request = unsafe { &mut attribute.link_create };
    request.__bindgen_anon_1.prog_fd = program.as_raw_fd() as u32;
    request.attach_type = attach_type;
    match target {
        LinkTarget::OfProgram => {}
        LinkTarget::Descriptor(descriptor) => {
            request.__bindgen_anon_2.target_fd = descriptor.as_raw_fd() as u32;
        }
        LinkTarget::Device(index) => request.__bindgen_anon_2.target_ifindex = index,
        LinkTarget::Functions { names, flags } => {
            addresses = names.iter().map(|name| name.as_ptr() as u64).collect();
            // SAFETY: as above.
            let functions = unsafe { &mut request.__bindgen_anon_3.kprobe_multi };
            functions.flags = flags;
            functions.cnt = count(addresses.len())?;
            functions.syms = addresses.as_ptr() as u64;
        }
        LinkTarget::Places {
            path,
            offsets,
            flags,
        } => {
            // SAFETY: as above.
            let places = unsafe { &mut request.__bindgen_anon_3.uprobe_multi };
            places.path = path.as_ptr() as u64;
            places.offsets = offsets.as_ptr() as u64;
            places.cnt = count(offsets.len())?;
            places.flags = flags;
        }
        LinkTarget::Netfilter {
            family,
            hook,
            priority,
        } => {
            // SAFETY: as above.
            let netfilter = unsafe { &mut request.__bindgen_anon_3.netfilter };
            netfilter.pf = family;
            netfilter.hooknum = hook;
            netfilter.priority = priority;
        }
    }
    // SAFETY: every address is that of a borrowed string or slice, or of `addresses`,
    // which outlive the call, with its length beside it; the command makes a descriptor.
    unsafe { bpf_descriptor(bpf_cmd::BPF_LINK_CREATE as u32, &mut attribute) }
}

/// Creates an empty sockmap for one socket.
pub(super) fn sockmap_create() -> io::Result<OwnedFd> {
    let mut attribute = zeroed();
    // SAFETY: every byte pattern is a valid value of this all-integer variant.
    let request = unsafe { &mut attribute.__bindgen_anon_1 };
    request.map_type = bpf_map_type::BPF_MAP_TYPE_SOCKMAP as u32;
    request.key_size = 4;
    request.value_size = 4;
    request.max_entries = 1;
    // SAFETY: the attribute holds no address; the command makes a descriptor.
    unsafe { bpf_descriptor(bpf_cmd::BPF_MAP_CREATE as u32, &mut attribute) }
}

/// Attaches a program to a map, for as long as the map lives.
pub(super) fn prog_attach(
    program: BorrowedFd<'_>,
    map: BorrowedFd<'_>,
    attach_type: u32,
) -> io::Result<()> {
    let mut attribute = zeroed();
    // SAFETY: every byte pattern is a valid value of this all-integer variant.
    let request = unsafe { &mut attribute.__bindgen_anon_5 };
    request.__bindgen_anon_1.target_fd = map.as_raw_fd() as u32;
    request.attach_bpf_fd = program.as_raw_fd() as u32;
    request.attach_type = attach_type;
    // SAFETY: the attribute holds no address.
    unsafe { bpf(bpf_cmd::BPF_PROG_ATTACH as u32, &mut attribute) }.map(drop)
}
