// Functions instead of one of `replaced`: one that fits, one of another type, one for a function
// that it does not have.
#include "bpf.h"
SEC("freplace/decide") int fits(struct __sk_buff *packet) { return packet->len & 1; }
SEC("freplace/decide") __u64 other_type(__u64 first, __u64 second) { return first + second; }
SEC("freplace/no_such_function") int no_function(struct __sk_buff *packet) { return 0; }
