// As operations.c, and the third reads at no address.
#define UNDO *(volatile __u32 *)1
#include "operations.c"
