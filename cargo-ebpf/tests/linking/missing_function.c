// A function that no kernel has.
#include "bpf.h"
extern void no_such_function(void) __ksym;
SEC("tp_btf/sys_enter") int calls(void *context)
{
    no_such_function();
    return 0;
}
