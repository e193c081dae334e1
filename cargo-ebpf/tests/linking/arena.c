// Variables in an arena, of Linux 6.9.
#include "bpf.h"
struct {
    __uint(type, ARENA);
    __uint(map_flags, 1 << 10);
    __uint(max_entries, 10);
} arena SEC(".maps");
int shared SEC(".addr_space.1") = 1;
SEC("syscall") int adds(void *context)
{
    // From address space 1, as clang 19 and newer do for variables in it.
    register int *pointer asm("r1") = &shared;
    asm volatile(".byte 0xbf, 0x11; .short 1; .long 1" : "+r"(pointer));
    *pointer += 1;
    return (long)&arena ? 0 : 1;
}
