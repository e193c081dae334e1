// A program with a function that others replace.
#include "bpf.h"
__attribute__((noinline)) int decide(struct __sk_buff *packet)
{
    return packet->len > 100;
}
SEC("tc") int filter(struct __sk_buff *packet) { return decide(packet); }
SEC("tc") int pass(struct __sk_buff *packet) { return 0; }
