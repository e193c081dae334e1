// Settings of the kernel. Where they cost the object its types, `locks` is rejected.
#include "bpf.h"
enum libbpf_tristate { TRI_NO, TRI_YES, TRI_MODULE };
extern int LINUX_KERNEL_VERSION __kconfig;
extern _Bool LINUX_HAS_BPF_COOKIE __kconfig;
extern _Bool CONFIG_NO_SUCH_SETTING __kconfig __weak;
struct value { int count; struct bpf_spin_lock lock; };
struct {
    __uint(type, ARRAY);
    __uint(max_entries, 1);
    __type(key, int);
    __type(value, struct value);
} values SEC(".maps");
SEC("tc") int version(struct __sk_buff *packet)
{
    if (LINUX_KERNEL_VERSION < (5 << 16) || LINUX_KERNEL_VERSION > (99 << 16))
        return *(volatile int *)(long)packet->len;
    return 0;
}
// bpf_get_attach_cookie came with Linux 5.15, before which this value is 0.
SEC("tc") int cookie(struct __sk_buff *packet)
{
    if (LINUX_KERNEL_VERSION >= (5 << 16 | 15 << 8) && !LINUX_HAS_BPF_COOKIE)
        return *(volatile int *)(long)packet->len;
    return 0;
}
SEC("tc") int weak_setting(struct __sk_buff *packet)
{
    return CONFIG_NO_SUCH_SETTING ? *(volatile int *)(long)packet->len : 0;
}
SEC("tc") int locks(struct __sk_buff *packet)
{
    int key = 0;
    struct value *value = map_lookup(&values, &key);
    if (value) {
        spin_lock(&value->lock);
        value->count++;
        spin_unlock(&value->lock);
    }
    return 0;
}
