//! The code of one process: what is mapped where. Kept after the process ended, for stacks
//! that were taken before.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    rc::Rc,
    time::{Duration, Instant},
};

use framehop::Module as Unwindable;

use crate::{
    profile::snapshot::Frame,
    symbol::{
        call_scan::{self, Target},
        class_names,
        mapped::MappedCode,
        mapping::{self, Mapping},
        module::Module,
        modules::Modules,
        perf_map::PerfMap,
        unwind::{self, ProcessUnwinder, Registers, Unwound},
    },
};

/// How soon what is mapped may be read again: a broken stack has unknown addresses, too.
const SOONEST: Duration = Duration::from_millis(20);

/// When what is mapped is read again anyhow.
const LATEST: Duration = Duration::from_secs(5);

/// How many mappings with code are remembered per process; beyond, its stacks are cut.
const MOST_AREAS: usize = 4096;

/// With more frames, a stack was not cut because its innermost functions have no unwind
/// information.
const FEW_FRAMES: usize = 3;

/// How far a function without a name is taken to reach, in bytes.
const LONGEST_NAMELESS: u64 = 512;

/// How much of a function is searched for a jump to the one that it ends with, in bytes.
const LONGEST_WRAPPER: usize = 128;

/// How many calls within locking code are followed without unwind information.
const MOST_CALLS: usize = 12;

/// What is known of a process.
#[derive(Default)]
pub(crate) struct Process {
    /// The program: device and inode.
    program: Option<(u64, u64)>,
    mappings: Vec<Mapping>,
    areas: Vec<Area>,
    unwinder: Option<ProcessUnwinder>,
    perf_map: PerfMap,
    read: Option<Instant>,
}

/// A mapping with code.
struct Area {
    start: u64,
    end: u64,
    code: Code,
}

enum Code {
    /// A file's: the file, and how much further than in it the code is mapped.
    File(Rc<Module>, u64),
    /// The kernel's own page for programs, or a file that could not be read.
    Named(String),
    /// Memory: compiled while the process runs.
    Jit,
}

impl Process {
    /// Reads what is mapped, unless that was just done. Of a process that is gone, what it had
    /// mapped.
    pub(crate) fn learn(&mut self, pid: u32, modules: &mut Modules, mapped: &mut MappedCode) {
        let program = program(pid);
        let other = program.is_some() && program != self.program;
        if !other && self.read.is_some_and(|read| read.elapsed() < SOONEST) {
            return;
        }
        self.read = Some(Instant::now());
        let mut mappings = mapping::of_process(pid).unwrap_or_else(|error| {
            modules.count(&error);
            Vec::new()
        });
        mappings.retain(|mapping| mapping.executable);
        mappings.truncate(MOST_AREAS);
        // A process that ended is still there for its parent, without memory.
        if mappings.is_empty() {
            mappings = mapped.of_process(pid);
        }
        if mappings.is_empty() {
            return;
        }
        if other {
            self.perf_map = PerfMap::within(modules.perf_maps.of(pid));
        }
        self.program = program;
        if mappings == self.mappings {
            return;
        }
        self.areas = mappings
            .iter()
            .map(|mapping| Area {
                start: mapping.range.start,
                end: mapping.range.end,
                code: code(pid, mapping, modules),
            })
            .collect();
        self.mappings = mappings;
        self.unwinder = None;
    }

    /// How many mappings with code are remembered.
    pub(crate) fn areas(&self) -> usize {
        self.areas.len()
    }

    /// Has it made anew when it is next needed.
    pub(crate) fn drop_unwinder(&mut self) {
        self.unwinder = None;
    }

    /// Unwinds a stack of this process.
    pub(crate) fn unwind(
        &mut self,
        pid: u32,
        registers: Registers,
        stack: &[u8],
        modules: &mut Modules,
        mapped: &mut MappedCode,
        cache: &mut unwind::Cache,
    ) -> Unwound {
        let old = self.read.is_none_or(|read| read.elapsed() > LATEST);
        if old || !self.is_code(registers.ip) || changed(self.program, program(pid)) {
            self.learn(pid, modules, mapped);
        }
        let mut unwound = self.unwind_known(registers, stack, cache);
        // A library that was loaded since?
        if let Some(address) = unwound.unknown {
            self.learn(pid, modules, mapped);
            if self.is_code(address) {
                unwound = self.unwind_known(registers, stack, cache);
            }
        }
        // One whose innermost functions have no unwind information ends within them.
        let last = unwound.addresses.last().copied().unwrap_or_default();
        if unwound.addresses.len() <= FEW_FRAMES && self.is_locking(last, last) {
            self.unwind_by_calls(registers, stack, cache, unwound)
        } else {
            unwound
        }
    }

    /// Whether code at `call` is locking code. What has no name in a C library is.
    fn is_locking(&self, call: u64, address: u64) -> bool {
        match (self.function(call, address), self.file(call)) {
            (Some(function), _) => class_names::find(&function).is_some(),
            (None, Some((module, _))) => class_names::is_c_library(&module.name),
            (None, None) => false,
        }
    }

    /// Unwinds a stack that ends within locking code: through that by the calls of its functions,
    /// and from their caller on by unwind information.
    fn unwind_by_calls(
        &mut self,
        registers: Registers,
        stack: &[u8],
        cache: &mut unwind::Cache,
        cut: Unwound,
    ) -> Unwound {
        let (mut address, mut ip, mut top) = (registers.ip, registers.ip, 0);
        let mut addresses = vec![address];
        while addresses.len() < MOST_CALLS
            && self.is_locking(ip, address)
            && let function = self.function(ip, address)
            && let Some(call) = call_scan::find(stack, top, |return_address| {
                self.is_call_of(return_address, ip, function.as_deref())
            })
        {
            addresses.push(call.return_address);
            // Within the call.
            (address, top) = (call.return_address, call.above);
            ip = address.saturating_sub(1);
        }
        if addresses.len() < cut.addresses.len().max(2) {
            return cut;
        }
        let registers = Registers {
            ip,
            sp: registers.sp.saturating_add(top as u64),
            ..registers
        };
        let outer = self.unwind_known(registers, stack.get(top..).unwrap_or_default(), cache);
        addresses.extend(outer.addresses.iter().skip(1));
        Unwound { addresses, ..outer }
    }

    /// Whether the instruction before an address calls this function, which is at another one.
    fn is_call_of(&self, return_address: u64, callee: u64, function: Option<&str>) -> bool {
        let Some((module, bias)) = self.file(return_address.saturating_sub(1)) else {
            return false;
        };
        let is_other = self
            .file(callee)
            .is_none_or(|(callees, _)| !Rc::ptr_eq(module, callees));
        let target = call_scan::target(return_address, |address| {
            module.bytes(address.wrapping_sub(bias))
        });
        let start = match target {
            // Through a table of other modules' functions.
            Some(_) if is_other => return true,
            Some(Target::Address(start)) => start,
            Some(Target::Indirect) | None => return false,
        };
        let is_callee = |start: u64| match function {
            Some(function) => self
                .function(start, start)
                .is_some_and(|name| name == function),
            // It begins not far before.
            None => (start..start.saturating_add(LONGEST_NAMELESS)).contains(&callee),
        };
        let code: Option<[u8; LONGEST_WRAPPER]> = module.bytes(start.wrapping_sub(bias));
        is_callee(start)
            || call_scan::jumps(start, code.as_ref().map_or(&[], |code| code.as_slice()))
                .any(is_callee)
    }

    /// The name of the compiled function that code at `call` is in; `address` is the one to show.
    fn function(&self, call: u64, address: u64) -> Option<String> {
        let (module, bias) = self.file(call)?;
        let frames = module.frames(call.wrapping_sub(bias), address.wrapping_sub(bias));
        frames.last()?.function.clone()
    }

    /// The file whose code is at an address, and how much further than in it the code is mapped.
    fn file(&self, address: u64) -> Option<(&Rc<Module>, u64)> {
        match &area(&self.areas, address)?.code {
            Code::File(module, bias) => Some((module, *bias)),
            Code::Named(_) | Code::Jit => None,
        }
    }

    fn unwind_known(
        &mut self,
        registers: Registers,
        stack: &[u8],
        cache: &mut unwind::Cache,
    ) -> Unwound {
        let areas = &self.areas;
        let unwinder = self.unwinder.get_or_insert_with(|| unwinder(areas, cache));
        cache.unwind(unwinder, registers, stack, |address| {
            area(areas, address).is_some()
        })
    }

    fn is_code(&self, address: u64) -> bool {
        area(&self.areas, address).is_some()
    }

    /// The frames of addresses, the innermost first; each but the first is a return address.
    pub(crate) fn frames(&mut self, pid: u32, addresses: &[u64]) -> Vec<Frame> {
        let mut frames = Vec::with_capacity(addresses.len());
        for (depth, &address) in addresses.iter().enumerate() {
            // A return address can be the first of the next function, when a call is the
            // last that a function does.
            let call = if depth == 0 {
                address
            } else {
                address.saturating_sub(1)
            };
            match area(&self.areas, call).map(|area| &area.code) {
                Some(Code::File(module, bias)) => {
                    let found =
                        module.frames(call.wrapping_sub(*bias), address.wrapping_sub(*bias));
                    let from = frames.len();
                    frames.extend(found.iter().cloned());
                    let caller = addresses.get(depth.saturating_add(1));
                    if let Some([frame]) = frames.get_mut(from..)
                        && frame.function.is_none()
                        && caller.is_some_and(|&caller| !self.is_of(module, caller))
                    {
                        let name = module.tail_caller(call.wrapping_sub(*bias));
                        frame.function = name;
                    }
                }
                Some(Code::Named(name)) => frames.push(Frame {
                    address,
                    module: name.clone(),
                    ..Frame::default()
                }),
                Some(Code::Jit) => frames.push(Frame {
                    address,
                    function: self.perf_map.function(pid, call).map(str::to_owned),
                    module: "[jit]".to_owned(),
                    ..Frame::default()
                }),
                None => frames.push(Frame {
                    address,
                    ..Frame::default()
                }),
            }
        }
        frames
    }

    /// The variable at an address. Data of a file is as far from where the file has it as its
    /// code.
    pub(crate) fn variable(&self, address: u64) -> Option<String> {
        self.areas.iter().find_map(|area| match &area.code {
            Code::File(module, bias) => module.variable(address.wrapping_sub(*bias)),
            Code::Named(_) | Code::Jit => None,
        })
    }

    /// Whether a return address is a file's. Only exported functions are called from others.
    fn is_of(&self, module: &Rc<Module>, address: u64) -> bool {
        match area(&self.areas, address.saturating_sub(1)).map(|area| &area.code) {
            Some(Code::File(other, _)) => Rc::ptr_eq(module, other),
            _ => false,
        }
    }
}

/// The area of an address: areas are in the order of addresses.
fn area(areas: &[Area], address: u64) -> Option<&Area> {
    let after = areas.partition_point(|area| area.start <= address);
    let area = areas.get(after.checked_sub(1)?)?;
    (address < area.end).then_some(area)
}

/// The program that a process runs. None if it ended, or may not be looked at.
fn program(pid: u32) -> Option<(u64, u64)> {
    let program = fs::metadata(format!("/proc/{pid}/exe")).ok()?;
    Some((program.dev(), program.ino()))
}

fn changed(known: Option<(u64, u64)>, now: Option<(u64, u64)>) -> bool {
    now.is_some() && now != known
}

fn code(pid: u32, mapping: &Mapping, modules: &mut Modules) -> Code {
    if mapping.inode == 0 {
        return if mapping.path.starts_with("[v") {
            Code::Named(mapping.path.clone())
        } else {
            Code::Jit
        };
    }
    let file = modules.open(pid, mapping).and_then(|module| {
        let bias = module.bias(mapping.range.start, mapping.offset)?;
        Some(Code::File(module, bias))
    });
    // Some runtimes compile into files of their own in memory.
    let compiled = ["/memfd:", "/dev/zero", "/anon_hugepage", "/SYSV"];
    match file {
        Some(code) => code,
        None if compiled.iter().any(|path| mapping.path.starts_with(path)) => Code::Jit,
        None => Code::Named(mapping.name().to_owned()),
    }
}

fn unwinder(areas: &[Area], cache: &mut unwind::Cache) -> ProcessUnwinder {
    let mut unwinder = ProcessUnwinder::new();
    for area in areas {
        let Code::File(module, bias) = &area.code else {
            continue;
        };
        let sections = module.sections();
        let base = bias.wrapping_add(sections.base_svma);
        let module = Unwindable::new(module.name.clone(), area.start..area.end, base, sections);
        cache.add(&mut unwinder, module);
    }
    unwinder
}
