// A ring buffer whose size its loader sets.
#include "bpf.h"
struct {
    __uint(type, RINGBUF);
} ring SEC(".maps");
SEC("tc") int reserves(struct __sk_buff *packet)
{
    void *record = ringbuf_reserve(&ring, 8, 0);
    if (record)
        ringbuf_discard(record, 0);
    return 0;
}
