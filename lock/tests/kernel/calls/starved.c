// One thread takes a mutex again at once after each release, another one waits for it: a call of
// pthread_mutex_lock is woken, finds the mutex taken, and sleeps again. Prints what its calls
// that slept come to.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static atomic_int stop;

static long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void sleep_us(long us) {
    struct timespec t = {0, us * 1000};
    nanosleep(&t, 0);
}

static long slept(void) {
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

static void *barge(void *unused) {
    while (!stop) {
        pthread_mutex_lock(&mutex);
        sleep_us(500);
        pthread_mutex_unlock(&mutex);
    }
    return unused;
}

int main(void) {
    pthread_t thread;
    long calls = 0, total = 0, longest = 0, sleeps = 0;
    pthread_create(&thread, 0, barge, 0);
    sleep_us(10000);
    long end = now() + 1000000000L;
    while (now() < end) {
        long before = slept(), begin = now();
        pthread_mutex_lock(&mutex);
        long took = now() - begin, more = slept() - before;
        pthread_mutex_unlock(&mutex);
        if (more > 0) {
            calls++;
            sleeps += more;
            total += took;
            longest = took > longest ? took : longest;
        }
        sleep_us(300);
    }
    stop = 1;
    pthread_join(thread, 0);
    printf("%ld %ld %ld %ld\n", calls, sleeps, total, longest);
}
