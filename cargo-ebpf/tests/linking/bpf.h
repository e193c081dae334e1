// What the sources here use of libbpf and of the kernel.
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
#define SEC(name) __attribute__((section(name), used))
#define __uint(name, value) int(*name)[value]
#define __type(name, value) typeof(value) *name
#define __array(name, value) typeof(value) *name[]
#define __kconfig __attribute__((section(".kconfig")))
#define __ksym __attribute__((section(".ksyms")))
#define __weak __attribute__((weak))
#define __hidden __attribute__((visibility("hidden")))
#define __relocatable __attribute__((preserve_access_index))
enum { HASH = 1, ARRAY = 2, PROG_ARRAY = 3, ARRAY_OF_MAPS = 12, RINGBUF = 27, ARENA = 33 };
static void *(*map_lookup)(void *, const void *) = (void *)1;
static void (*spin_lock)(void *) = (void *)93;
static void (*spin_unlock)(void *) = (void *)94;
static long (*tail_call)(void *, void *, __u32) = (void *)12;
static long (*probe_read_kernel)(void *, __u32, const void *) = (void *)113;
static void *(*ringbuf_reserve)(void *, __u64, __u64) = (void *)131;
static void (*ringbuf_discard)(void *, __u64) = (void *)133;
static void *(*per_cpu)(const void *, __u32) = (void *)153;
struct __sk_buff { __u32 len; };
struct bpf_spin_lock { __u32 val; };
#ifndef NO_LICENSE
char LICENSE[] SEC("license") = "GPL";
#endif
