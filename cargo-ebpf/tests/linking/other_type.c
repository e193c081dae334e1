// A function of the kernel, declared with another type.
#include "bpf.h"
extern int bpf_rcu_read_lock(int, int) __ksym;
SEC("tp_btf/sys_enter") int calls(void *context)
{
    return bpf_rcu_read_lock(1, 2) & 0;
}
