//! Names of kernel locks, where the functions around the wait tell which it is. The kernel
//! shows no symbols of data (CONFIG_KALLSYMS_ALL is off in most), so that addresses do not.

/// How a lock waits, as far as its name depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Spin,
    Mutex,
    Rwsem,
    Any,
}

use Kind::{Any, Mutex, Rwsem, Spin};

/// Beginning of a function's name, how the lock waits, the lock's name. From the sources of
/// Linux 5.19 to 7.x.
const TABLE: &[(&str, Kind, &str)] = &[
    ("raw_spin_rq_lock", Any, "runqueue"),
    ("task_rq_lock", Any, "runqueue"),
    ("__task_rq_lock", Any, "runqueue"),
    ("try_to_wake_up", Spin, "task state"),
    ("rmqueue_bulk", Spin, "zone"),
    ("free_pcppages_bulk", Spin, "zone"),
    ("free_one_page", Spin, "zone"),
    ("free_pcp", Spin, "zone"),
    ("get_partial_node", Spin, "slab node list"),
    ("___slab_alloc", Spin, "slab node list"),
    ("__slab_free", Spin, "slab node list"),
    ("__put_partials", Spin, "slab node list"),
    ("__unfreeze_partials", Spin, "slab node list"),
    ("futex_wait_setup", Any, "futex hash bucket"),
    ("futex_wake", Any, "futex hash bucket"),
    ("futex_q_lock", Any, "futex hash bucket"),
    ("futex_requeue", Any, "futex hash bucket"),
    ("futex_unqueue", Any, "futex hash bucket"),
    ("futex_lock_pi", Spin, "futex hash bucket"),
    ("lock_page_lruvec", Spin, "lruvec"),
    ("folio_lruvec_lock", Spin, "lruvec"),
    ("folio_batch_move_lru", Spin, "lruvec"),
    ("pagevec_lru_move_fn", Spin, "lruvec"),
    ("mmap_read_lock", Rwsem, "mmap_lock"),
    ("mmap_write_lock", Rwsem, "mmap_lock"),
    ("lock_mm_and_find_vma", Rwsem, "mmap_lock"),
    ("do_user_addr_fault", Rwsem, "mmap_lock"),
    ("vm_mmap_pgoff", Rwsem, "mmap_lock"),
    ("__vm_munmap", Rwsem, "mmap_lock"),
    ("do_mprotect_pkey", Rwsem, "mmap_lock"),
    ("do_madvise", Rwsem, "mmap_lock"),
    ("__do_sys_brk", Rwsem, "mmap_lock"),
    ("__x64_sys_brk", Rwsem, "mmap_lock"),
    ("__ia32_sys_brk", Rwsem, "mmap_lock"),
    ("dup_mmap", Rwsem, "mmap_lock"),
    ("exit_mmap", Rwsem, "mmap_lock"),
    ("exit_mm", Rwsem, "mmap_lock"),
    ("acct_collect", Rwsem, "mmap_lock"),
    ("ep_poll_callback", Any, "eventpoll"),
    ("do_epoll_wait", Any, "eventpoll"),
    ("do_epoll_ctl", Any, "eventpoll"),
    ("ep_poll", Any, "eventpoll"),
    ("ep_send_events", Any, "eventpoll"),
    ("ep_start_scan", Any, "eventpoll"),
    ("ep_done_scan", Any, "eventpoll"),
    ("pipe_read", Mutex, "pipe"),
    ("pipe_write", Mutex, "pipe"),
    ("pipe_release", Mutex, "pipe"),
    ("pipe_poll", Mutex, "pipe"),
    ("anon_pipe_read", Mutex, "pipe"),
    ("anon_pipe_write", Mutex, "pipe"),
    ("prepare_to_wait", Spin, "wait queue"),
    ("finish_wait", Spin, "wait queue"),
    ("remove_wait_queue", Spin, "wait queue"),
    ("add_wait_queue", Spin, "wait queue"),
    ("__wake_up", Spin, "wait queue"),
    ("unix_stream_sendmsg", Spin, "unix socket"),
    ("unix_stream_read_generic", Any, "unix socket"),
    ("unix_stream_recvmsg", Any, "unix socket"),
    ("unix_dgram_sendmsg", Spin, "unix socket"),
    ("sock_def_readable", Spin, "socket wait queue"),
    ("sock_alloc_send_pskb", Spin, "unix socket"),
    ("lock_sock_nested", Spin, "socket"),
    ("__lock_sock", Spin, "socket"),
    ("release_sock", Spin, "socket"),
    ("__dev_queue_xmit", Spin, "network queue"),
    ("sch_direct_xmit", Spin, "network queue"),
    ("fdget_pos", Mutex, "file position"),
    ("__fdget_pos", Mutex, "file position"),
    ("get_signal", Spin, "siglock"),
    ("do_sigaction", Spin, "siglock"),
    ("__lock_task_sighand", Spin, "siglock"),
    ("lock_task_sighand", Spin, "siglock"),
    ("do_send_sig_info", Spin, "siglock"),
    ("do_send_specific", Spin, "siglock"),
    ("__set_current_blocked", Spin, "siglock"),
    ("dequeue_signal", Spin, "siglock"),
    ("do_exit", Rwsem, "thread group"),
    ("cgroup_css_set_fork", Rwsem, "thread group"),
    ("release_task", Spin, "tasklist"),
    ("release_task", Any, "tasklist"),
    ("exit_notify", Any, "tasklist"),
    ("do_wait", Any, "tasklist"),
    ("copy_process", Spin, "tasklist"),
    ("alloc_fd", Spin, "file table"),
    ("file_close_fd", Spin, "file table"),
    ("close_fd", Spin, "file table"),
    ("alloc_pid", Spin, "pid table"),
    ("free_pid", Spin, "pid table"),
    ("inode_lock", Rwsem, "inode"),
    ("open_last_lookups", Rwsem, "inode"),
    ("do_unlinkat", Rwsem, "inode"),
    ("filename_create", Rwsem, "inode"),
    ("ext4_buffered_write_iter", Rwsem, "inode"),
    ("ext4_file_write_iter", Rwsem, "inode"),
    ("xfs_ilock", Rwsem, "inode"),
    ("walk_component", Rwsem, "inode"),
    ("lookup_slow", Rwsem, "inode"),
    ("iterate_dir", Rwsem, "inode"),
    ("lockref_get", Spin, "dentry"),
    ("lockref_put", Spin, "dentry"),
    ("dput", Spin, "dentry"),
    ("d_alloc", Spin, "dentry"),
    ("__filemap_add_folio", Spin, "page cache"),
    ("filemap_add_folio", Spin, "page cache"),
    ("inode_sb_list_add", Spin, "super block's inodes"),
    ("list_lru_add", Spin, "list_lru"),
    ("list_lru_del", Spin, "list_lru"),
    ("jbd2_", Any, "journal"),
    ("start_this_handle", Any, "journal"),
    ("rtnl_lock", Mutex, "rtnl"),
    ("rtnetlink_rcv_msg", Mutex, "rtnl"),
    ("cgroup_lock", Mutex, "cgroup"),
    ("cgroup_kn_lock_live", Mutex, "cgroup"),
    ("anon_vma_", Rwsem, "anon_vma"),
    ("unlink_anon_vmas", Rwsem, "anon_vma"),
    ("unlink_file_vma", Rwsem, "file mapping"),
    ("vma_prepare", Rwsem, "file mapping"),
    ("vma_link", Rwsem, "file mapping"),
    ("rmap_walk", Rwsem, "rmap"),
    ("hrtimer_", Spin, "hrtimer base"),
    ("lock_hrtimer_base", Spin, "hrtimer base"),
    ("lock_timer_base", Spin, "timer base"),
    ("__queue_work", Spin, "worker pool"),
    ("worker_thread", Spin, "worker pool"),
    ("process_one_work", Spin, "worker pool"),
    ("rcu_", Spin, "RCU node"),
    ("note_gp_changes", Spin, "RCU node"),
    ("tty_", Mutex, "tty"),
    ("n_tty_", Any, "tty"),
    ("kernfs_", Rwsem, "kernfs"),
    ("console_", Any, "console"),
    ("__pte_offset_map_lock", Spin, "page table"),
    ("handle_mm_fault", Spin, "page table"),
    ("do_anonymous_page", Spin, "page table"),
    ("wp_page_copy", Spin, "page table"),
    ("htab_", Spin, "BPF hash map"),
    ("__htab_", Spin, "BPF hash map"),
    ("__bpf_ringbuf_reserve", Spin, "BPF ring buffer"),
    ("bpf_ringbuf_", Spin, "BPF ring buffer"),
];

/// How far from the lock a function may be and still tell what the lock is.
const FAR: usize = 3;

/// The name of a lock: from the functions of its own code that are innermost (`locking`, up
/// to the caller) and those that called it (`callers`).
pub(crate) fn name(locking: &[Option<&str>], callers: &[Option<&str>]) -> Option<&'static str> {
    let kind = kind(locking);
    locking
        .iter()
        .chain(callers.iter().take(FAR))
        .flatten()
        .find_map(|function| {
            TABLE
                .iter()
                .find(|(start, of, _)| (*of == Any || *of == kind) && function.starts_with(start))
                .map(|&(.., name)| name)
        })
}

fn kind(locking: &[Option<&str>]) -> Kind {
    for function in locking.iter().flatten() {
        if function.contains("mutex") {
            return Mutex;
        }
        if function.contains("rwsem") || function.starts_with("down_") {
            return Rwsem;
        }
        if function.contains("spin") || function.contains("_raw_") {
            return Spin;
        }
    }
    Any
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn a_lock_is_named_by_the_functions_around_it() {
        let name = |locking: &[&str], callers: &[&str]| {
            let some = |names: &[&'static str]| names.iter().map(|&n| Some(n)).collect::<Vec<_>>();
            // The names are literals in this test.
            let leak = |names: &[&str]| {
                let owned: Vec<&'static str> =
                    names.iter().map(|n| &*n.to_string().leak()).collect();
                some(&owned)
            };
            name(&leak(locking), &leak(callers))
        };
        let spin = ["native_queued_spin_lock_slowpath", "_raw_spin_lock"];
        assert_eq!(
            name(
                &["_raw_spin_lock", "raw_spin_rq_lock_nested"],
                &["__schedule"]
            ),
            Some("runqueue")
        );
        assert_eq!(
            name(&spin, &["rmqueue_bulk", "get_page_from_freelist"]),
            Some("zone")
        );
        assert_eq!(
            name(&spin, &["futex_wake", "do_futex"]),
            Some("futex hash bucket")
        );
        assert_eq!(
            name(
                &["rwsem_down_write_slowpath", "down_write_killable"],
                &["vm_mmap_pgoff"]
            ),
            Some("mmap_lock")
        );
        assert_eq!(
            name(&["__mutex_lock.constprop.0"], &["pipe_write"]),
            Some("pipe")
        );
        // The spinlock in a pipe is its wait queue's.
        assert_eq!(
            name(&spin, &["remove_wait_queue", "pipe_read"]),
            Some("wait queue")
        );
        assert_eq!(
            name(&["__mutex_lock"], &["fdget_pos", "ksys_write"]),
            Some("file position")
        );
        assert_eq!(name(&spin, &["some_driver"]), None);
        assert_eq!(name(&[], &[]), None);
    }
}
