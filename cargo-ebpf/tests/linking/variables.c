// Global variables whose types matter, and functions that are checked with their callers.
#include "bpf.h"
struct locked { struct bpf_spin_lock lock; int count; };
struct locked own SEC(".data.own") __hidden;
const volatile int limit = 3;
int counts[4];
static int table[4] SEC(".data.table") = { 1, 2, 3, 4 };
// A global function that is checked by itself could not follow this pointer.
__hidden __attribute__((noinline)) int length(struct __sk_buff *packet, const int *number)
{
    return packet->len + *number;
}
static __attribute__((noinline)) int twice(int number) { return number * 2; }
SEC("tc") int locks(struct __sk_buff *packet)
{
    spin_lock(&own.lock);
    own.count++;
    spin_unlock(&own.lock);
    return 0;
}
SEC("tc") int reads(struct __sk_buff *packet)
{
    int number = limit;
    if (number != 3)
        return *(volatile int *)1;
    counts[number & 3] += table[packet->len & 3];
    return (length(packet, &number) + twice(number)) & 0;
}
