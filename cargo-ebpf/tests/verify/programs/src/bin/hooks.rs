//! Accepted: the smallest program for each kind of place that a program attaches to, by
//! the section names of C objects and of Aya.
#![no_std]
#![no_main]

use core::ffi::c_void;

use aya_ebpf::helpers::bpf_send_signal;
use verify_fixtures as _;

verify_fixtures::license!();

/// A program cannot be called like its section: LLVM takes both for one symbol.
macro_rules! hooks {
    ($($name:ident in $section:literal returns $value:literal;)*) => {
        $(
            #[unsafe(no_mangle)]
            #[unsafe(link_section = $section)]
            pub extern "C" fn $name(_: *mut c_void) -> i32 {
                $value
            }
        )*
    };
}

hooks! {
    on_tracepoint in "tracepoint/sched/sched_switch" returns 0;
    no_tracepoint in "tp/sched/no_such_tracepoint" returns 0;
    unnamed_tracepoint in "tracepoint" returns 0;
    on_raw_tracepoint in "raw_tp/sched_switch" returns 0;
    no_raw_tracepoint in "raw_tp/no_such_tracepoint" returns 0;
    on_writable_tracepoint in "raw_tp.w/sched_switch" returns 0;
    on_btf_tracepoint in "tp_btf/sched_switch" returns 0;
    on_function_entry in "fentry/vfs_read" returns 0;
    on_function_exit in "fexit/vfs_read" returns 0;
    on_function_result in "fmod_ret/security_file_open" returns 0;
    on_security_hook in "lsm/file_open" returns 0;
    on_cgroup_security_hook in "lsm_cgroup/socket_bind" returns 1;
    on_iterator in "iter/task" returns 0;
    on_kprobe in "kprobe/vfs_read" returns 0;
    on_kretprobe in "kretprobe/vfs_read" returns 0;
    no_kprobe in "kprobe/no_such_function" returns 0;
    on_system_call in "ksyscall/getpid" returns 0;
    on_kprobes in "kprobe.multi/vfs_rea?" returns 0;
    on_kretprobes in "kretprobe.multi/vfs_read" returns 0;
    on_uprobe in "uprobe/libc.so.6:malloc" returns 0;
    on_uretprobe in "uretprobe/libc.so.6:malloc" returns 0;
    on_uprobes in "uprobe.multi/libc.so.6:malloc" returns 0;
    no_uprobe in "uprobe/libc.so.6:no_such_function" returns 0;
    no_library in "uprobe/no-such-library.so.1:malloc" returns 0;
    unnamed_uprobe in "uprobe" returns 0;
    on_perf_event in "perf_event" returns 0;
    on_xdp in "xdp" returns 2;
    on_classifier in "classifier" returns 0;
    on_tcx_egress in "tcx/egress" returns 0;
    on_action in "action" returns 0;
    on_sk_lookup in "sk_lookup" returns 1;
    on_flow_dissector in "flow_dissector" returns 0;
    on_netfilter in "netfilter" returns 1;
    on_socket in "socket" returns 0;
    on_sk_reuseport in "sk_reuseport" returns 1;
    on_sk_msg in "sk_msg" returns 1;
    on_stream_parser in "sk_skb/stream_parser" returns 0;
    on_stream_verdict in "sk_skb/stream_verdict" returns 1;
    on_sock_ops in "sockops" returns 1;
    on_cgroup_ingress in "cgroup_skb/ingress" returns 1;
    on_cgroup_egress in "cgroup_skb/egress" returns 1;
    on_cgroup_sock in "cgroup/sock_create" returns 1;
    on_cgroup_connect in "cgroup/connect4" returns 1;
    on_cgroup_device in "cgroup/dev" returns 1;
    on_cgroup_sysctl in "cgroup/sysctl" returns 1;
    on_cgroup_getsockopt in "cgroup/getsockopt" returns 1;
    on_system_call_program in "syscall" returns 0;
}

/// Does more than watch.
#[unsafe(no_mangle)]
#[unsafe(link_section = "raw_tp/sched_process_exec")]
pub extern "C" fn signals(_: *mut c_void) -> i32 {
    // SAFETY: the argument is a number; 0 is not a signal.
    unsafe { bpf_send_signal(0) };
    0
}
