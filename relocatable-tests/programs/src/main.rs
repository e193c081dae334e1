//! Programs that read what user space knows, too.
#![no_std]
#![no_main]

mod kernel;

use aya_ebpf::{
    btf_maps::Array,
    helpers::{bpf_get_current_task, bpf_probe_read_kernel},
    macros::{btf_map, btf_tracepoint, raw_tracepoint},
    programs::{BtfTracePointContext, RawTracePointContext},
};
use ebpf_relocatable::{
    enum_value, enum_value_exists, field_byte_offset, field_byte_size, field_exists, read,
    read_trusted, type_byte_size, type_exists,
};

use crate::kernel::{
    mm_struct, no_such_type, pid_type, sched_entity, task_struct, task_struct___before_5_14,
};

#[btf_map]
static VALUES: Array<u64, 32> = Array::new();

fn set(index: u32, value: u64) {
    if let Some(slot) = VALUES.get_ptr_mut(index) {
        unsafe { *slot = value };
    }
}

/// Values of the calling thread.
#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn values(_: RawTracePointContext) -> u32 {
    match read_values() {
        Ok(()) => 0,
        Err(error) => error.unsigned_abs(),
    }
}

fn read_values() -> Result<(), i32> {
    let task = unsafe { bpf_get_current_task() } as *const task_struct;
    set(0, read!(task => pid)? as u64);
    set(1, read!(task => tgid)? as u64);
    set(2, read!(task => real_parent.tgid)? as u64);
    let comm = read!(task => comm)?;
    set(3, u64::from_ne_bytes(*comm.first_chunk().ok_or(0)?));
    set(4, u64::from_ne_bytes(*comm.last_chunk().ok_or(0)?));
    set(5, read!(task => start_boottime)?);
    set(6, read!(task => mm.arg_start)?);
    set(7, u64::from(read!(task => sched_reset_on_fork)?));
    set(8, read!(task => mm.exe_file.f_inode.i_ino)?);
    set(9, u64::from(read!(task => mm.exe_file.f_inode.i_mode)?));
    let name = read!(task => mm.exe_file.f_path.dentry.d_name.name)?;
    set(10, unsafe { bpf_probe_read_kernel(name.cast::<u64>())? });
    set(11, read!(task => se.sum_exec_runtime)?);
    set(12, u64::from(read!(task => se.on_rq)?));
    Ok(())
}

/// The parent of which children are recorded.
const PARENT: u32 = 31;

/// Values of a child that calls exec, by loads from an argument.
#[btf_tracepoint(function = "sched_process_exec")]
pub fn executed(ctx: BtfTracePointContext) -> u32 {
    let task: *const task_struct = ctx.arg(0);
    // SAFETY: the verifier knows the tracepoint's argument.
    let read = unsafe { read_child(task) };
    read.map_or_else(i32::unsigned_abs, |()| 0)
}

unsafe fn read_child(task: *const task_struct) -> Result<(), i32> {
    unsafe {
        let parent = read_trusted!(task => real_parent.tgid)? as u64;
        if VALUES.get(PARENT).is_none_or(|watched| *watched != parent) {
            return Ok(());
        }
        set(0, read_trusted!(task => pid)? as u64);
        set(1, read_trusted!(task => tgid)? as u64);
        set(2, parent);
        set(5, read_trusted!(task => start_boottime)?);
        set(7, u64::from(read_trusted!(task => sched_reset_on_fork)?));
        set(8, read_trusted!(task => mm.exe_file.f_inode.i_ino)?);
        set(
            9,
            u64::from(read_trusted!(task => mm.exe_file.f_inode.i_mode)?),
        );
        set(12, u64::from(read_trusted!(task => se.on_rq)?));
    }
    Ok(())
}

/// What the kernel has.
#[raw_tracepoint(tracepoint = "sys_exit")]
pub fn layout(_: RawTracePointContext) -> u32 {
    const ABSENT: u64 = u64::MAX;
    let number = |value: Option<usize>| value.map_or(ABSENT, |value| value as u64);
    set(0, u64::from(field_exists!(task_struct, pid)));
    set(1, u64::from(field_exists!(task_struct, no_such_member)));
    set(2, number(field_byte_offset!(task_struct, pid)));
    set(3, number(field_byte_offset!(task_struct, no_such_member)));
    set(4, number(field_byte_size!(task_struct, comm)));
    set(5, number(field_byte_size!(task_struct, no_such_member)));
    set(
        6,
        number(field_byte_offset!(task_struct, se.sum_exec_runtime)),
    );
    set(7, number(type_byte_size!(task_struct)));
    set(9, u64::from(type_exists!(mm_struct)));
    set(10, u64::from(type_exists!(no_such_type)));
    set(11, enum_value!(pid_type, PIDTYPE_TGID).unwrap_or(ABSENT));
    set(12, enum_value!(pid_type, NO_SUCH_VALUE).unwrap_or(ABSENT));
    set(13, u64::from(enum_value_exists!(pid_type, PIDTYPE_TGID)));
    set(
        14,
        number(field_byte_offset!(sched_entity, sum_exec_runtime)),
    );
    set(15, number(field_byte_offset!(task_struct, __state)));
    set(
        16,
        number(field_byte_offset!(task_struct___before_5_14, state)),
    );
    0
}

/// A read that is only done where the member is there, in a loop that it does not depend on.
#[raw_tracepoint(tracepoint = "sched_switch")]
pub fn guarded(ctx: RawTracePointContext) -> u32 {
    let task = unsafe { bpf_get_current_task() } as *const task_struct;
    let old = task.cast::<task_struct___before_5_14>();
    let mut states = 0;
    for round in 0..ctx.arg::<u64>(0) & 7 {
        let state = if field_exists!(task_struct, __state) {
            read!(task => __state).map(i64::from)
        } else {
            read!(old => state)
        };
        states += state.unwrap_or(-1) as u64 + round;
        if field_exists!(task_struct, no_such_member) {
            states ^= read!(task => no_such_member).unwrap_or_default();
        }
    }
    set(0, states);
    0
}

/// The same, in a loop that writes no memory.
#[raw_tracepoint(tracepoint = "sched_waking")]
pub fn guarded_sum(ctx: RawTracePointContext) -> u32 {
    let mut sum = 0;
    for round in 0..ctx.arg::<u64>(0) & 7 {
        if ctx.arg::<u64>(1) & (1 << round) != 0 {
            sum += field_byte_offset!(task_struct, no_such_member).unwrap_or(1) as u64;
            sum ^= field_byte_offset!(task_struct, pid).unwrap_or(1) as u64;
        }
    }
    set(0, sum);
    0
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";
