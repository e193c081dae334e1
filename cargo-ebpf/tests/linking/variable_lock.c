// A lock among global variables that is written to.
#include "bpf.h"
struct locked { struct bpf_spin_lock lock; int count; };
struct locked own SEC(".data.own") __hidden;
SEC("tc") int writes_lock(struct __sk_buff *packet)
{
    own.lock.val = 1;
    return 0;
}
