/* The declarations of programs/src/kernel.rs in C, and questions about all of them. Built by
 *
 *     clang -target bpf -g -O2 -c yardstick.c -o yardstick.o
 *
 * with Debian's clang 14.0.6, after a change of either file. */
#define relocatable __attribute__((preserve_access_index))

enum { BYTE_OFFSET, BYTE_SIZE, EXISTS, SIGNED, LEFT_SHIFT, RIGHT_SHIFT };
enum { TYPE_EXISTS, TYPE_SIZE };
enum { VALUE_EXISTS, VALUE };

enum pid_type {
	PIDTYPE_TGID = 77,
	NO_SUCH_VALUE,
};

struct no_such_type {
	int member;
} relocatable;

struct qstr {
	const unsigned char *name;
} relocatable;

struct dentry {
	struct qstr d_name;
} relocatable;

struct path {
	struct dentry *dentry;
} relocatable;

struct inode {
	unsigned long i_ino;
	unsigned short i_mode;
} relocatable;

struct file {
	struct inode *f_inode;
	struct path f_path;
} relocatable;

struct mm_struct {
	struct file *exe_file;
	unsigned long arg_start;
} relocatable;

struct sched_entity {
	unsigned long sum_exec_runtime;
	unsigned on_rq;
} relocatable;

struct task_struct {
	struct mm_struct *mm;
	unsigned char comm[16];
	int tgid;
	unsigned sched_reset_on_fork : 1;
	unsigned long start_boottime;
	struct task_struct *real_parent;
	int pid;
	struct sched_entity se;
	unsigned __state;
	unsigned long no_such_member;
} relocatable;

struct task_struct___before_5_14 {
	long state;
} relocatable;

static volatile unsigned long sink;

#define ask(type, member, question) \
	sink = __builtin_preserve_field_info(((struct type *)0)->member, question)
#define ask_place(type, member) \
	ask(type, member, BYTE_OFFSET), ask(type, member, BYTE_SIZE), ask(type, member, EXISTS)
#define ask_bits(type, member) \
	ask(type, member, SIGNED), ask(type, member, LEFT_SHIFT), ask(type, member, RIGHT_SHIFT)

__attribute__((section("raw_tp/yardstick"), used)) int yardstick(void *context)
{
	ask_place(task_struct, mm);
	ask_place(task_struct, comm);
	ask_place(task_struct, tgid);
	ask_place(task_struct, sched_reset_on_fork);
	ask_bits(task_struct, sched_reset_on_fork);
	ask_place(task_struct, start_boottime);
	ask_place(task_struct, real_parent);
	ask_place(task_struct, pid);
	ask_place(task_struct, se);
	ask_place(task_struct, __state);
	ask_place(task_struct, no_such_member);
	ask_place(task_struct___before_5_14, state);
	ask_place(sched_entity, sum_exec_runtime);
	ask_place(sched_entity, on_rq);
	ask_bits(sched_entity, on_rq);
	ask_place(mm_struct, exe_file);
	ask_place(mm_struct, arg_start);
	ask_place(file, f_inode);
	ask_place(file, f_path);
	ask_place(path, dentry);
	ask_place(dentry, d_name);
	ask_place(qstr, name);
	ask_place(inode, i_ino);
	ask_place(inode, i_mode);
	sink = __builtin_preserve_type_info(*(struct task_struct *)0, TYPE_EXISTS);
	sink = __builtin_preserve_type_info(*(struct task_struct *)0, TYPE_SIZE);
	sink = __builtin_preserve_type_info(*(struct mm_struct *)0, TYPE_EXISTS);
	sink = __builtin_preserve_type_info(*(struct no_such_type *)0, TYPE_EXISTS);
	sink = __builtin_preserve_type_info(*(struct no_such_type *)0, TYPE_SIZE);
	sink = __builtin_preserve_enum_value(*(enum pid_type *)PIDTYPE_TGID, VALUE_EXISTS);
	sink = __builtin_preserve_enum_value(*(enum pid_type *)PIDTYPE_TGID, VALUE);
	sink = __builtin_preserve_enum_value(*(enum pid_type *)NO_SUCH_VALUE, VALUE_EXISTS);
	sink = __builtin_preserve_enum_value(*(enum pid_type *)NO_SUCH_VALUE, VALUE);
	return 0;
}

char LICENSE[] __attribute__((section("license"), used)) = "GPL";
