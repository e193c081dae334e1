// A variable in a section that no loader makes a map of.
#include "bpf.h"
int lost SEC("elsewhere") = 1;
SEC("tc") int reads(struct __sk_buff *packet) { return lost; }
