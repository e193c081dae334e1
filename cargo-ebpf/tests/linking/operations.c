// Operations of a congestion control algorithm.
#include "bpf.h"
#ifndef UNDO
#define UNDO 2
#endif
struct sock;
struct tcp_congestion_ops {
    __u32 (*ssthresh)(struct sock *);
    void (*cong_avoid)(struct sock *, __u32, __u32);
    __u32 (*undo_cwnd)(struct sock *);
    char name[16];
};
SEC("struct_ops/threshold") __u32 threshold(void *context) { return 2; }
SEC("struct_ops/avoid") void avoid(void *context) {}
SEC("struct_ops/undo") __u32 undo(void *context) { return UNDO; }
SEC(".struct_ops") struct tcp_congestion_ops control = {
    .ssthresh = (void *)threshold,
    .cong_avoid = (void *)avoid,
    .undo_cwnd = (void *)undo,
    .name = "linking",
};
