// Functions of the kernel, of Linux 6.2.
#include "bpf.h"
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
SEC("tp_btf/sys_enter") int reads(void *context)
{
    bpf_rcu_read_lock();
    bpf_rcu_read_unlock();
    return 0;
}
