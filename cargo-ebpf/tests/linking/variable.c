// A variable of the kernel, with its type.
#include "bpf.h"
extern const int bpf_prog_active __ksym;
SEC("raw_tp/sys_enter") int typed(void *context)
{
    int *active = per_cpu(&bpf_prog_active, 0);
    return active ? *active & 0 : 0;
}
