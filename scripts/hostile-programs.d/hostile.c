// What an unprivileged program can do against its profiler. See ../hostile-programs.
//
//     hostile KIND DIRECTORY
//
// Four threads wait for a mutex, from functions of DIRECTORY/library.so where the kind is about
// files, while the main thread does what the kind names.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static const char *kind, *directory;

static int is(const char *name) { return strcmp(kind, name) == 0; }

static void contend(void) {
    pthread_mutex_lock(&mutex);
    usleep(700);
    pthread_mutex_unlock(&mutex);
}

static void (*caller)(void (*)(void)) = 0;

static void *waiter(void *name) {
    if (is("names"))
        prctl(PR_SET_NAME, name);
    for (;;)
        if (caller)
            caller(contend);
        else
            contend();
    return 0;
}

static char *in_directory(const char *name) {
    char *path;
    return asprintf(&path, "%s/%s", directory, name) < 0 ? abort(), path : path;
}

static char *perf_map(void) {
    char *path;
    return asprintf(&path, "/tmp/perf-%d.map", getpid()) < 0 ? abort(), path : path;
}

// Code without a file, as of a just-in-time compiler: it calls its argument.
static void compile(void) {
    static const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
    void *page = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(page, code, sizeof code);
    caller = (void (*)(void (*)(void)))page;
}

static void write_perf_map(void) {
    FILE *map = fopen(perf_map(), "w");
    if (is("perf-map-long-name")) {
        fprintf(map, "%lx 100 ", (unsigned long)caller);
        for (int i = 0; i < 64 << 20; i++)
            putc('x', map);
        putc('\n', map);
    } else {
        for (long i = 0; i < 9000000; i++)
            fprintf(map, "%lx 8 f%ld\n", i * 16, i);
    }
    fclose(map);
}

static void shrink(int again) {
    int file = open(in_directory("library.so"), O_RDWR);
    long size = lseek(file, 0, SEEK_END);
    char *copy = malloc(size);
    pread(file, copy, size, 0);
    do {
        ftruncate(file, 4096);
        usleep(1500);
        if (again)
            pwrite(file, copy + 4096, size - 4096, 4096);
        usleep(200);
    } while (again);
}

static void map_files(int count) {
    char name[64];
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "copy-%d.so", i);
        int file = open(in_directory(name), O_RDONLY);
        mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
        close(file);
    }
}

// As many mappings as the kernel permits: every second page is one.
static void map_pages(void) {
    char *pages = mmap(0, 4096L * 65000, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (long i = 0; i < 65000; i += 2)
        if (mprotect(pages + i * 4096, 4096, PROT_READ | PROT_EXEC))
            break;
}

static void *map_again(void *unused) {
    int file = open(in_directory("library.so"), O_RDONLY);
    for (;;)
        munmap(mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0), 4096);
    return unused;
}

static void fork_again(void) {
    map_pages();
    for (;;) {
        int child = fork();
        if (child == 0)
            _exit(0);
        int status;
        waitpid(child, &status, 0);
    }
}

int main(int count, char **arguments) {
    if (count < 3)
        return 2;
    kind = arguments[1];
    directory = arguments[2];
    if (!strncmp(kind, "perf-map", 8)) {
        compile();
        if (is("perf-map-link"))
            symlink("/etc/shadow", perf_map());
        else if (is("perf-map-pipe"))
            mkfifo(perf_map(), 0666);
        else
            write_perf_map();
    } else if (!is("none")) {
        void *library = dlopen(in_directory("library.so"), RTLD_NOW);
        if (!library)
            return fprintf(stderr, "%s\n", dlerror()), 1;
        caller = (void (*)(void (*)(void)))dlsym(library, "call");
    }
    char *names[] = {"\033[2J\033[H", "a\nb: 1", "\xe2\x80\xae" "drow", "\xff\xfe%s%n"};
    pthread_t thread;
    for (int i = 0; i < 4; i++)
        pthread_create(&thread, 0, waiter, names[i]);
    // After the first samples.
    usleep(1000000);
    if (is("shrinks"))
        shrink(0);
    else if (is("shrinks-again"))
        shrink(1);
    else if (is("many-files"))
        map_files(2000);
    else if (is("many-mappings"))
        map_pages();
    else if (is("forks"))
        fork_again();
    else if (is("maps-again"))
        for (int i = 0; i < 2; i++)
            pthread_create(&thread, 0, map_again, 0);
    else if (is("executes"))
        for (int i = 0; i < 3; i++) {
            if (fork() == 0)
                execl("/proc/self/exe", "innocent", "none", directory, (char *)0);
            usleep(300000);
        }
    pause();
}
