// A setting that no kernel has, and a program without it.
#include "bpf.h"
extern _Bool CONFIG_NO_SUCH_SETTING __kconfig;
SEC("tc") int needs_setting(struct __sk_buff *packet) { return CONFIG_NO_SUCH_SETTING; }
