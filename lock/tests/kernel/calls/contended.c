// Two threads hold a mutex for some microseconds each, again and again: each call that slept got
// the mutex, and gave it away before the next one. Prints what these come to, and how long those
// calls took in which the thread was preempted as well: what it did not sleep of them is no wait.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct { long calls, sleeps, total, longest, preempted; } of[2];

static long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static struct rusage usage(void) {
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage;
}

static void work(long ns) {
    for (long end = now() + ns; now() < end;) {}
}

static void *run(void *argument) {
    int i = (int)(long)argument;
    for (long end = now() + 1000000000L; now() < end;) {
        struct rusage before = usage();
        long begin = now();
        pthread_mutex_lock(&mutex);
        long took = now() - begin;
        struct rusage after = usage();
        long more = after.ru_nvcsw - before.ru_nvcsw;
        work(5000);
        pthread_mutex_unlock(&mutex);
        if (more > 0) {
            of[i].calls++;
            of[i].sleeps += more;
            of[i].total += took;
            of[i].longest = took > of[i].longest ? took : of[i].longest;
            of[i].preempted += after.ru_nivcsw > before.ru_nivcsw ? took : 0;
        }
        work(2000);
    }
    return 0;
}

int main(void) {
    pthread_t thread;
    pthread_create(&thread, 0, run, (void *)1);
    run(0);
    pthread_join(thread, 0);
    printf("%ld %ld %ld %ld %ld\n", of[0].calls + of[1].calls, of[0].sleeps + of[1].sleeps,
           of[0].total + of[1].total,
           of[0].longest > of[1].longest ? of[0].longest : of[1].longest,
           of[0].preempted + of[1].preempted);
}
