// What libbpf.ll says, in C: libbpf's conventions, a CO-RE access, a kfunc, global
// data, two programs in one section, and instructions of -mcpu=v4.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct task { int pid; int tgid; } __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 512);
	__type(key, int);
	__type(value, long);
} pids SEC(".maps");

extern int bpf_task_from_pid(int pid) __ksym;
long total;

static inline int tgid_of(struct task *task)
{
	int tgid = 0;
	bpf_probe_read_kernel(&tgid, sizeof(tgid), &task->tgid);
	return tgid;
}

static __noinline int share(int number, int of)
{
	return number / of;
}

SEC("?kprobe/do_exit") int leave(struct task *task)
{
	int tgid = tgid_of(task);
	return share(tgid, bpf_map_delete_elem(&pids, &tgid));
}

SEC("xdp") int pass(void *ctx)
{
	__sync_fetch_and_add(&total, 1);
	return XDP_PASS;
}

SEC("xdp") int drop(void *ctx)
{
	return bpf_task_from_pid(1);
}

char _license[] SEC("license") = "GPL";
