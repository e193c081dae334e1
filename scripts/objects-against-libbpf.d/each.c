// Loads every program of the objects by itself with libbpf, like veristat, and prints per
// program, separated by tabs: object, program, verdict, instructions that the verifier
// processed, and libbpf's last message if it did not load.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static char last[512];
static char verifier_log[1 << 20];

// Keeps the first warning: the later ones only pass it on.
static int keep(enum libbpf_print_level level, const char *format, va_list arguments)
{
    if (level == LIBBPF_WARN && !last[0]) {
        vsnprintf(last, sizeof last, format, arguments);
        for (char *c = last; *c; c++)
            if (*c == '\t' || *c == '\n')
                *c = ' ';
    }
    return 0;
}

// As veristat does: a size that the object's own loader would set.
static void fit_maps(struct bpf_object *object)
{
    struct bpf_map *map;

    bpf_object__for_each_map(map, object) {
        bpf_map__set_pin_path(map, NULL);
        switch (bpf_map__type(map)) {
        case BPF_MAP_TYPE_SK_STORAGE:
        case BPF_MAP_TYPE_TASK_STORAGE:
        case BPF_MAP_TYPE_INODE_STORAGE:
        case BPF_MAP_TYPE_CGROUP_STORAGE:
        case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE:
        case 32: // BPF_MAP_TYPE_CGRP_STORAGE, which older headers do not have
        case BPF_MAP_TYPE_PERF_EVENT_ARRAY:
        case BPF_MAP_TYPE_STRUCT_OPS:
            break;
        default:
            if (!bpf_map__max_entries(map))
                bpf_map__set_max_entries(map, 1);
        }
    }
}

static void try_program(const char *path, const char *name)
{
    struct bpf_program *program, *wanted = NULL;
    struct bpf_object *object = bpf_object__open_file(path, NULL);
    const char *verdict = "accepted", *processed;
    struct bpf_map *map;

    if (!object)
        return;
    bpf_object__for_each_program(program, object) {
        bool is_it = !strcmp(bpf_program__name(program), name);

        bpf_program__set_autoload(program, is_it);
        if (is_it)
            wanted = program;
    }
    // A structure of operations loads all of its programs.
    if (bpf_program__type(wanted) != BPF_PROG_TYPE_STRUCT_OPS)
        bpf_object__for_each_map(map, object)
            if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS)
                bpf_map__set_autocreate(map, false);
    fit_maps(object);
    verifier_log[0] = 0;
    last[0] = 0;
    bpf_program__set_log_buf(wanted, verifier_log, sizeof verifier_log);
    bpf_program__set_log_level(wanted, 4);
    // That the programs of an array are not all loaded comes after the program.
    if (bpf_object__load(object) && !strstr(last, "failed to initialize slot"))
        verdict = verifier_log[0] ? "refused" : "failed";
    processed = strstr(verifier_log, "processed ");
    printf("%s\t%s\t%s\t%s\t%s\n", path, name, verdict,
           processed ? strtok(strdup(processed + strlen("processed ")), " ") : "-",
           !strcmp(verdict, "accepted") ? "" : last);
    fflush(stdout);
    bpf_object__close(object);
}

int main(int count, char **paths)
{
    struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

    setrlimit(RLIMIT_MEMLOCK, &unlimited);
    libbpf_set_print(keep);
    for (int at = 1; at < count; at++) {
        struct bpf_program *program;
        struct bpf_object *object;

        last[0] = 0;
        object = bpf_object__open_file(paths[at], NULL);
        if (!object) {
            printf("%s\t*\tunreadable\t-\t%s\n", paths[at], last);
            continue;
        }
        bpf_object__for_each_program(program, object)
            try_program(paths[at], bpf_program__name(program));
        bpf_object__close(object);
    }
    return 0;
}
