/* A thread that waits in each way that the C library has, four calls deep. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define STAYS __attribute__((noinline))
/* Nothing is called last, or the compiler jumps instead. */
#define AFTERWARDS __asm__ volatile("" ::: "memory")

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_mutex_t pi;
static sem_t semaphore;
static pthread_t first;
static const char *how, *library;

STAYS void wants_lock(void) {
    struct timespec late = {4000000000, 0};
    if (!strcmp(how, "mutex") || !strcmp(how, "jit") || !strcmp(how, "load"))
        pthread_mutex_lock(&mutex);
    else if (!strcmp(how, "timed")) pthread_mutex_timedlock(&mutex, &late);
    else if (!strcmp(how, "read")) pthread_rwlock_rdlock(&rwlock);
    else if (!strcmp(how, "write")) pthread_rwlock_wrlock(&rwlock);
    else if (!strcmp(how, "pi")) pthread_mutex_lock(&pi);
    else if (!strcmp(how, "semaphore")) sem_wait(&semaphore);
    else if (!strcmp(how, "barrier")) pthread_barrier_wait(&barrier);
    else if (!strcmp(how, "join")) pthread_join(first, NULL);
    else if (!strcmp(how, "condition")) {
        pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
        pthread_mutex_lock(&own);
        pthread_cond_wait(&condition, &own);
    }
    AFTERWARDS;
}

static inline __attribute__((always_inline)) void inlined(void) {
    wants_lock();
    AFTERWARDS;
}

STAYS void middle(int depth) {
    char room[600];
    __asm__ volatile("" : : "r"(room) : "memory");
    if (depth) middle(depth - 1); else inlined();
    AFTERWARDS;
}

/* push rbp; mov rbp, rsp; call rdi; pop rbp; ret */
static const unsigned char CODE[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};

static void loaded(const char *library) {
    getchar();
    void *handle = dlopen(library, RTLD_NOW);
    ((void (*)(void (*)(void)))dlsym(handle, "from_library"))(wants_lock);
    AFTERWARDS;
}

static void jit(void) {
    unsigned char *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(code, CODE, sizeof CODE);
    char name[64];
    snprintf(name, sizeof name, "/tmp/perf-%d.map", getpid());
    FILE *map = fopen(name, "w");
    fprintf(map, "%lx %zx LazyCompile:*hot app.js:7\n", (long)code, sizeof CODE);
    fclose(map);
    ((void (*)(void (*)(void)))code)(wants_lock);
    AFTERWARDS;
}

STAYS void *thread_main(void *nothing) {
    if (!strcmp(how, "jit")) jit();
    else if (!strcmp(how, "load")) loaded(library);
    else middle(3);
    AFTERWARDS;
    return nothing;
}

int main(int count, char **arguments) {
    how = count > 1 ? arguments[1] : "mutex";
    library = count > 2 ? arguments[2] : NULL;
    if (!strcmp(how, "exec")) {
        getchar();
        execl(arguments[2], arguments[2], "mutex", NULL);
    }
    first = pthread_self();
    pthread_mutexattr_t inherits;
    pthread_mutexattr_init(&inherits);
    pthread_mutexattr_setprotocol(&inherits, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&pi, &inherits);
    pthread_barrier_init(&barrier, NULL, 2);
    sem_init(&semaphore, 0, 0);
    pthread_mutex_lock(&mutex);
    pthread_mutex_lock(&pi);
    pthread_rwlock_wrlock(&rwlock);
    pthread_t thread;
    pthread_create(&thread, NULL, thread_main, NULL);
    pause();
}
