// A lock that is written to. Where the setting costs the object its types, the kernel does
// not know that it is one.
#include "bpf.h"
extern int LINUX_KERNEL_VERSION __kconfig;
struct value { int count; struct bpf_spin_lock lock; };
struct {
    __uint(type, ARRAY);
    __uint(max_entries, 1);
    __type(key, int);
    __type(value, struct value);
} values SEC(".maps");
SEC("tc") int writes_lock(struct __sk_buff *packet)
{
    int key = 0;
    struct value *value = map_lookup(&values, &key);
    if (value && LINUX_KERNEL_VERSION)
        value->lock.val = 1;
    return 0;
}
