// Threads that wait for each other's mutexes, for their own, or for a thread that sleeps.
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t a, b;

static void *first(void *unused) {
    pthread_mutex_lock(&a);
    usleep(50000);
    pthread_mutex_lock(&b);
    return unused;
}

static void *second(void *unused) {
    pthread_mutex_lock(&b);
    usleep(50000);
    pthread_mutex_lock(&a);
    return unused;
}

static void *itself(void *unused) {
    pthread_mutex_lock(&a);
    pthread_mutex_lock(&a);
    return unused;
}

int main(int count, char **arguments) {
    const char *kind = count > 1 ? arguments[1] : "mutex";
    pthread_mutexattr_t attributes;
    pthread_t thread;
    pthread_mutexattr_init(&attributes);
    if (!strcmp(kind, "robust")) pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&a, &attributes);
    pthread_mutex_init(&b, &attributes);
    if (!strcmp(kind, "itself")) {
        pthread_create(&thread, 0, itself, 0);
    } else if (!strcmp(kind, "held")) {
        pthread_mutex_lock(&b);
        pthread_create(&thread, 0, first, 0);
    } else {
        pthread_create(&thread, 0, first, 0);
        pthread_create(&thread, 0, second, 0);
    }
    usleep(200000);
    puts("waiting");
    fflush(stdout);
    sleep(60);
}
