// Hooks that later kernels do not have: a tracepoint, an LSM hook, a system call.
#include "bpf.h"
SEC("tp_btf/kmalloc_node") int traces(void *context) { return 0; }
SEC("tp_btf/hrtimer_init") int traces_later(void *context) { return 0; }
SEC("lsm/task_getsecid") int secures(void *context) { return 0; }
SEC("tracepoint/syscalls/sys_enter_lookup_dcookie") int enters(void *context) { return 0; }
