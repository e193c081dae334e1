// A helper for programs under GPL only, in an object that declares no license.
#define NO_LICENSE
#include "bpf.h"
SEC("tracepoint/sched/sched_switch") int reads(void *context)
{
    __u64 value = 0;
    probe_read_kernel(&value, sizeof value, context);
    return value & 1;
}
