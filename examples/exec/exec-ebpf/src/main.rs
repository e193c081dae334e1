//! Sends each program that is started to user space.
#![no_std]
#![no_main]

mod event;
mod kernel;

use aya_ebpf::{
    btf_maps::RingBuf,
    helpers::{bpf_probe_read_kernel_str_bytes, bpf_probe_read_user_buf},
    macros::{btf_map, btf_tracepoint},
    programs::BtfTracePointContext,
};
use ebpf_relocatable::{read, read_trusted};

use crate::{event::Event, kernel::task_struct};

#[btf_map]
static EVENTS: RingBuf<(), { 256 << 10 }> = RingBuf::new();

/// `sched_process_exec(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)`
#[btf_tracepoint(function = "sched_process_exec")]
pub fn executed(context: BtfTracePointContext) -> i32 {
    let task: *const task_struct = context.arg(0);
    let Some(mut entry) = EVENTS.reserve_untyped::<Event>(0) else {
        return 0;
    };
    let event = entry.as_mut_ptr();
    // SAFETY: the entry has room for an event, which may have any content.
    let filled = unsafe {
        event.write_bytes(0, 1);
        fill(&mut *event, task)
    };
    match filled {
        Ok(()) => entry.submit(0),
        Err(_) => entry.discard(0),
    }
    0
}

fn fill(event: &mut Event, task: *const task_struct) -> Result<(), i32> {
    // SAFETY: the verifier knows the tracepoint's argument.
    unsafe {
        event.pid = read_trusted!(task => tgid)? as u32;
        event.parent = read_trusted!(task => real_parent.tgid)? as u32;
    }
    event.name = read!(task => comm)?;
    event.inode = read!(task => mm.exe_file.f_inode.i_ino)?;
    let file = read!(task => mm.exe_file.f_path.dentry.d_name.name)?;
    // SAFETY: an address that cannot be read is an error.
    unsafe { bpf_probe_read_kernel_str_bytes(file, &mut event.file)? };
    let (start, end) = (read!(task => mm.arg_start)?, read!(task => mm.arg_end)?);
    // One byte less than there is room for, so that the verifier sees the limit.
    let length = end.wrapping_sub(start).min(255) as usize & 255;
    event.arguments_len = length as u64;
    if let Some(arguments) = event.arguments.get_mut(..length) {
        // SAFETY: as above.
        unsafe { bpf_probe_read_user_buf(start as *const u8, arguments)? };
    }
    Ok(())
}

/// Never called: `cargo ebpf build` rejects an object with code that panics.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
