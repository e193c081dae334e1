// A field that no kernel has, and that is read.
#include "bpf.h"
struct task_struct { int no_such_field; } __relocatable;
static struct task_struct *(*current_task)(void) = (void *)158;
SEC("raw_tp/sys_enter") int unguarded(void *context)
{
    struct task_struct *task = current_task();
    int value = 0;
    probe_read_kernel(&value, sizeof value, &task->no_such_field);
    return value & 0;
}
