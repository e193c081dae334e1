// A kernel function of Linux 5.18 that BTF does not declare to be one.
#include "bpf.h"
extern void bpf_ct_release(void *);
SEC("xdp") int calls(void *context)
{
    bpf_ct_release(context);
    return 2;
}
