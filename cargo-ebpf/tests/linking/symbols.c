// Variables and functions of the kernel.
#include "bpf.h"
extern const void schedule __ksym;
extern const void no_such_symbol __ksym __weak;
extern const int no_such_variable __ksym __weak;
extern void no_such_function(void) __ksym __weak;
struct task_struct;
SEC("raw_tp/sys_enter") int address(void *context)
{
    int value = 0;
    probe_read_kernel(&value, sizeof value, &schedule);
    return 0;
}
SEC("raw_tp/sys_enter") int weak(void *context)
{
    if (&no_such_symbol || &no_such_variable)
        return *(volatile int *)1;
    return 0;
}
SEC("raw_tp/sys_enter") int weak_call(void *context)
{
    if (no_such_function)
        no_such_function();
    return 0;
}
