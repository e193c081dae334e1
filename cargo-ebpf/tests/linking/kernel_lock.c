// A function of the kernel that takes a lock, and the program keeps it.
#include "bpf.h"
extern void bpf_rcu_read_lock(void) __ksym;
SEC("tp_btf/sys_enter") int leaves(void *context)
{
    bpf_rcu_read_lock();
    return 0;
}
