// Maps with values.
#include "bpf.h"
int called(struct __sk_buff *packet);
struct {
    __uint(type, PROG_ARRAY);
    __uint(max_entries, 1);
    __uint(key_size, 4);
    __array(values, int(void *));
} programs SEC(".maps") = { .values = { [0] = (void *)&called } };
struct inner {
    __uint(type, ARRAY);
    __uint(max_entries, 4);
    __type(key, int);
    __type(value, __u64);
} first SEC(".maps");
struct {
    __uint(type, ARRAY_OF_MAPS);
    __uint(max_entries, 2);
    __type(key, int);
    __array(values, struct inner);
} maps SEC(".maps") = { .values = { [1] = &first } };
SEC("tc") int called(struct __sk_buff *packet) { return 0; }
SEC("tc") int calls(struct __sk_buff *packet)
{
    tail_call(packet, &programs, 0);
    return 1;
}
SEC("tc") int looks_up(struct __sk_buff *packet)
{
    int key = 1;
    void *map = map_lookup(&maps, &key);
    __u64 *value = map ? map_lookup(map, &key) : 0;
    return value ? *value & 0 : 0;
}
