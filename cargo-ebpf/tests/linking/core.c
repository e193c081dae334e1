// Accesses to kernel types, of every kind. A program whose condition is fitted wrongly
// reads at address 1, which is rejected.
#include "bpf.h"
#define WRONG (*(volatile int *)1)
struct list_head { struct list_head *next, *prev; } __relocatable;
struct task_struct {
    int pid;
    unsigned in_execve : 1;
    char comm[16];
    struct list_head children;
    int no_such_field;
} __relocatable;
// The first half of the name is the kernel's.
struct task_struct___other { int tgid; } __relocatable;
struct no_such_type { int field; } __relocatable;
enum pid_type { PIDTYPE_PID = 77, PIDTYPE_TGID, PIDTYPE_NO_SUCH };
struct trace_entry { __u16 type; __u8 flags; } __relocatable;
struct syscall_trace_enter { struct trace_entry ent; int nr; unsigned long args[]; } __relocatable;
struct sock_fprog_kern { __u16 len; void *filter; } __relocatable;
enum { EXISTS = 2, SIZE = 1, SIGNED = 3 };
#define field(access, kind) __builtin_preserve_field_info(access, kind)
static struct task_struct *(*current_task)(void) = (void *)158;
SEC("tracepoint/syscalls/sys_enter_openat") int flexible(struct syscall_trace_enter *context)
{
    return context->args[1] & 0;
}
SEC("raw_tp/sys_enter") int fields(void *context)
{
    struct task_struct *task = (void *)0;
    if (!field(task->pid, EXISTS) || field(task->no_such_field, EXISTS))
        return WRONG;
    if (field(task->comm, SIZE) != 16 || field(task->pid, SIZE) != 4)
        return WRONG;
    if (!field(task->pid, SIGNED) || field(task->in_execve, SIGNED))
        return WRONG;
    if (!field(((struct task_struct___other *)0)->tgid, EXISTS))
        return WRONG;
    return 0;
}
SEC("raw_tp/sys_enter") int types(void *context)
{
    if (!__builtin_preserve_type_info(*(struct task_struct *)0, 0))
        return WRONG;
    if (__builtin_preserve_type_info(*(struct no_such_type *)0, 0))
        return WRONG;
    if (__builtin_preserve_type_info(*(struct list_head *)0, 1) != 16)
        return WRONG;
    if (__builtin_preserve_type_info(*(struct no_such_type *)0, 1) != 0)
        return WRONG;
    if (!__builtin_btf_type_id(*(struct list_head *)0, 1))
        return WRONG;
    return 0;
}
SEC("raw_tp/sys_enter") int enumerators(void *context)
{
    if (!__builtin_preserve_enum_value(*(enum pid_type *)PIDTYPE_TGID, 0))
        return WRONG;
    if (__builtin_preserve_enum_value(*(enum pid_type *)PIDTYPE_NO_SUCH, 0))
        return WRONG;
    if (__builtin_preserve_enum_value(*(enum pid_type *)PIDTYPE_PID, 1) != 0)
        return WRONG;
    return 0;
}
SEC("raw_tp/sys_enter") int offsets(void *context)
{
    struct task_struct *task = current_task();
    struct list_head *next = 0;
    probe_read_kernel(&next, sizeof next, &task->children.next);
    return 0;
}
// Not in this kernel, and not reached.
SEC("raw_tp/sys_enter") int guarded(void *context)
{
    struct task_struct *task = current_task();
    int value = 0;
    if (field(task->no_such_field, EXISTS))
        probe_read_kernel(&value, sizeof value, &task->no_such_field);
    return 0;
}
