//! What the programs read, on this kernel and on those of guests, is what user space knows.

#[path = "../../examples/exec/exec-ebpf/src/event.rs"]
#[expect(
    unreachable_pub,
    reason = "the file of the example is a part of three programs"
)]
mod event;

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::Path,
    process::{Command, ExitCode},
};

use ebpf_base::btf::{Btf, Kind};
use ebpf_test::{
    Input, Loaded,
    aya::{
        Btf as KernelBtf,
        maps::{Array, MapData, RingBuf},
        programs::BtfTracePoint,
    },
};
use relocatable_tests::{EXAMPLE, OBJECT};
use test_support::{
    Failed, Need, Outcome, Suite,
    machine::{CAPABILITIES, KERNEL_BTF, TOOLCHAIN},
    tests,
};

/// The programs, which `EBPF_TEST_REQUIRE=toolchain cargo test -p relocatable-tests` builds.
const BUILT: Need = Need {
    name: TOOLCHAIN.name,
    check: || ebpf_base::stub::reason(OBJECT).map_or(Ok(()), |reason| Err(reason.into_owned())),
};

fn main() -> ExitCode {
    Suite::new()
        .needing(&[CAPABILITIES, KERNEL_BTF, BUILT])
        .tests(tests![
            values_are_those_of_proc,
            loads_from_arguments_are_those_of_proc,
            the_layout_is_that_of_the_kernel,
            a_member_is_read_where_the_kernel_has_it,
            the_example_sends_what_proc_knows,
        ])
        .run()
}

fn load(object: &[u8]) -> Result<Loaded, Failed> {
    ebpf_test::load(object).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!("{cause:?}"));
        format!("{error}: {cause:?}").into()
    })
}

/// What a program has left in its map.
fn values(loaded: &Loaded) -> Result<Vec<u64>, Failed> {
    let map: Array<&MapData, u64> = loaded.map("VALUES").ok_or("no map")?.try_into()?;
    Ok(map.iter().collect::<Result<_, _>>()?)
}

fn run(loaded: &mut Loaded, program: &str, arguments: &[u64]) -> Result<Vec<u64>, Failed> {
    let output = ebpf_test::run(loaded, program, &Input::arguments(arguments))?;
    if output.return_value != 0 {
        return Err(format!("{program} returned {}", output.return_value).into());
    }
    values(loaded)
}

/// The numbers in a `stat` file of /proc, as proc(5) counts them: the first is 1.
struct Stat(Vec<String>);

impl Stat {
    fn of(process: &str) -> Result<Self, Failed> {
        let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
        let (id, rest) = text.split_once(" (").ok_or("stat without a name")?;
        let (name, rest) = rest.rsplit_once(") ").ok_or("stat without a name")?;
        let numbers = [id, name].into_iter().chain(rest.split_whitespace());
        Ok(Self(numbers.map(str::to_owned).collect()))
    }

    fn number(&self, field: usize) -> Result<u64, Failed> {
        Ok(self.0.get(field - 1).ok_or("stat is short")?.parse()?)
    }
}

/// In nanoseconds: the unit of times in /proc, 100 per second on every machine.
const TICK: u64 = 10_000_000;

fn same(what: &str, read: impl Into<u64>, known: impl Into<u64>) -> Outcome {
    let (read, known) = (read.into(), known.into());
    match read == known {
        true => Ok(()),
        false => Err(format!("{what} is {read}, and user space knows {known}").into()),
    }
}

fn same_file(read: &[u64], path: &Path) -> Outcome {
    let known = fs::metadata(path)?;
    // What the layers of an overlay number, it may show with other numbers.
    let overlay = fs::read_to_string("/proc/self/mountinfo")?.contains(" - overlay ");
    if !overlay {
        same("inode number", read[8], known.ino())?;
    }
    same("mode", read[9], known.mode())
}

fn values_are_those_of_proc() -> Outcome {
    let mut loaded = load(OBJECT)?;
    for reset_on_fork in [0, libc::SCHED_RESET_ON_FORK] {
        let parameter = libc::sched_param { sched_priority: 0 };
        // SAFETY: the parameter is valid for the call.
        let done = unsafe {
            libc::sched_setscheduler(0, libc::SCHED_OTHER | reset_on_fork, &raw const parameter)
        };
        if done != 0 {
            return Err(std::io::Error::last_os_error().into());
        }
        let read = run(&mut loaded, "values", &[])?;
        same(
            "sched_reset_on_fork",
            read[7],
            u64::from(reset_on_fork != 0),
        )?;
        let (thread, process) = (Stat::of("thread-self")?, Stat::of("self")?);
        same("pid", read[0], thread.number(1)?)?;
        same("tgid", read[1], std::process::id())?;
        same("parent", read[2], process.number(4)?)?;
        let comm: Vec<u8> = read[3..5]
            .iter()
            .flat_map(|part| part.to_ne_bytes())
            .take_while(|byte| *byte != 0)
            .collect();
        if comm != thread.0[1].as_bytes() {
            return Err(format!("{comm:?} is not the name {:?}", thread.0[1]).into());
        }
        same("start time", read[5] / TICK, thread.number(22)?)?;
        same("arg_start", read[6], process.number(48)?)?;
        let program = fs::read_link("/proc/self/exe")?;
        same_file(&read, &program)?;
        let name = program.file_name().ok_or("no name")?.as_encoded_bytes();
        let begin = &name[..name.len().min(8)];
        if !read[10].to_ne_bytes().starts_with(begin) {
            return Err(format!("{:x} is not the begin of {name:?}", read[10]).into());
        }
        let mut used = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: writes the time only.
        unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut used) };
        let used = used.tv_sec as u64 * 1_000_000_000 + used.tv_nsec as u64;
        if read[11] == 0 || read[11] > used {
            return Err(format!("{} ns of CPU time, of {used} ns", read[11]).into());
        }
        // An unsigned int at first, and a byte in later kernels.
        same("on_rq", read[12], 1_u64)?;
    }
    Ok(())
}

fn attach_at_exec(loaded: &mut Loaded) -> Outcome {
    let program = loaded.program_mut("executed").ok_or("no program")?;
    let program: &mut BtfTracePoint = program.try_into()?;
    program.load("sched_process_exec", &KernelBtf::from_sys_fs()?)?;
    program.attach()?;
    Ok(())
}

fn the_example_sends_what_proc_knows() -> Outcome {
    let mut loaded = load(EXAMPLE)?;
    attach_at_exec(&mut loaded)?;
    let mut events = RingBuf::try_from(loaded.take_map("EVENTS").ok_or("no map")?)?;
    let mut child = Command::new("/proc/self/exe")
        .args(["--list", "no such test"])
        .stdout(std::process::Stdio::null())
        .spawn()?;
    let id = child.id();
    child.wait()?;
    // Others start programs, too.
    let event = std::iter::from_fn(|| events.next().map(|bytes| event::Event::read(&bytes)))
        .flatten()
        .find(|event| event.pid == id)
        .ok_or("no event of the child")?;
    same("parent", event.parent, std::process::id())?;
    let program = fs::read_link("/proc/self/exe")?;
    if !fs::read_to_string("/proc/self/mountinfo")?.contains(" - overlay ") {
        same("inode number", event.inode, fs::metadata(&program)?.ino())?;
    }
    let known = program.file_name().ok_or("no name")?.as_encoded_bytes();
    if until_nul(&event.file) != &known[..known.len().min(event.file.len() - 1)] {
        return Err(format!("{:?} is not the file's name", event.file).into());
    }
    // That of the link, or of the file.
    let names: [&[u8]; 2] = [b"exe", &known[..known.len().min(15)]];
    if !names.contains(&until_nul(&event.name)) {
        return Err(format!("{:?} is not the thread's name", event.name).into());
    }
    let arguments = event.arguments.get(..usize::try_from(event.arguments_len)?);
    match arguments == Some(b"/proc/self/exe\0--list\0no such test\0") {
        true => Ok(()),
        false => Err(format!("{arguments:?} are not the arguments").into()),
    }
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn loads_from_arguments_are_those_of_proc() -> Outcome {
    let mut loaded = load(OBJECT)?;
    let mut map: Array<&mut MapData, u64> = loaded.map_mut("VALUES").ok_or("no map")?.try_into()?;
    map.set(31, u64::from(std::process::id()), 0)?;
    attach_at_exec(&mut loaded)?;
    // This program lists its tests, and ends.
    let child = Command::new("/proc/self/exe")
        .arg("--list")
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    let id = child.id();
    let started = Stat::of(&id.to_string())?.number(22)?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(format!("{:?}", output.status).into());
    }
    let read = values(&loaded)?;
    same("pid", read[0], id)?;
    same("tgid", read[1], id)?;
    same("parent", read[2], std::process::id())?;
    same("start time", read[5] / TICK, started)?;
    same("sched_reset_on_fork", read[7], 0_u64)?;
    same_file(&read, &fs::read_link("/proc/self/exe")?)?;
    same("on_rq", read[12], 1_u64)
}

fn the_layout_is_that_of_the_kernel() -> Outcome {
    const ABSENT: u64 = u64::MAX;
    let bytes = fs::read("/sys/kernel/btf/vmlinux")?;
    let kernel = Btf::parse(&bytes)?;
    let offset = |structure: &str, field: &str| {
        let bytes = kernel.field_offset(structure, field);
        bytes.map_or(ABSENT, u64::from)
    };
    let task = kernel
        .find(Kind::Struct, "task_struct")
        .ok_or("no task_struct")?;
    let read = run(&mut load(OBJECT)?, "layout", &[])?;
    same("existence of pid", read[0], 1_u64)?;
    same("existence of no_such_member", read[1], 0_u64)?;
    same("offset of pid", read[2], offset("task_struct", "pid"))?;
    same("offset of no_such_member", read[3], ABSENT)?;
    same("size of comm", read[4], 16_u64)?;
    same("size of no_such_member", read[5], ABSENT)?;
    let runtime = offset("sched_entity", "sum_exec_runtime");
    same(
        "offset of se.sum_exec_runtime",
        read[6],
        offset("task_struct", "se") + runtime,
    )?;
    same("size of task_struct", read[7], task.size_or_type)?;
    same("existence of mm_struct", read[9], 1_u64)?;
    same("existence of no_such_type", read[10], 0_u64)?;
    same("PIDTYPE_TGID", read[11], 1_u64)?;
    same("NO_SUCH_VALUE", read[12], ABSENT)?;
    same("existence of PIDTYPE_TGID", read[13], 1_u64)?;
    same("offset of sum_exec_runtime", read[14], runtime)?;
    same(
        "offset of __state",
        read[15],
        offset("task_struct", "__state"),
    )?;
    same("offset of state", read[16], offset("task_struct", "state"))?;
    match (read[15], read[16]) {
        (ABSENT, ABSENT) => Err("no kernel has neither".into()),
        _ => Ok(()),
    }
}

/// Before 5.14 the kernel has `state`, and from then on `__state`. A program that reads the one
/// that is there is accepted, although the other one cannot be relocated.
fn a_member_is_read_where_the_kernel_has_it() -> Outcome {
    let mut loaded = load(OBJECT)?;
    // The thread runs: state 0. The rounds add up to 0 + 1 + 2.
    same("state", run(&mut loaded, "guarded", &[3])?[0], 3_u64)?;
    let pid = Btf::parse(fs::read("/sys/kernel/btf/vmlinux")?)?
        .field_offset("task_struct", "pid")
        .ok_or("no pid")?;
    let sum = run(&mut loaded, "guarded_sum", &[3, 0b110])?[0];
    let round = |sum: u64| (sum + 1) ^ u64::from(pid);
    same("sum", sum, round(round(0)))
}
