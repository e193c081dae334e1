// Three threads wait for each kind of lock in turn while the thread "holder" has it. They measure
// their own calls. Prints a line per kind: its name, the calls that waited, their time and the
// longest in nanoseconds. The lock of a kind is lock_KIND, and wait_KIND calls for it.
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <time.h>

enum { WAITERS = 3, ROUNDS = 10, HOLD_US = 5000 };

static pthread_mutex_t lock_mutex, lock_recursive, lock_errorcheck, lock_robust, lock_pi, lock_timed;
static pthread_rwlock_t lock_read, lock_write;
static sem_t lock_semaphore;
static FILE *stream;

struct kind {
  const char *name;
  void (*hold)(void);
  int (*attempt)(void);
  void (*wait)(void);
  void (*release)(void);
};

static struct timespec later(void) {
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  time.tv_sec += 60;
  return time;
}

#define KIND(kind, holds, attempts, waits, releases)                                               \
  static void hold_##kind(void) { holds; }                                                         \
  static int attempt_##kind(void) { return (attempts) == 0; }                                      \
  __attribute__((noinline)) static void wait_##kind(void) {                                        \
    waits;                                                                                         \
    __asm__ volatile("");                                                                          \
  }                                                                                                \
  static void release_##kind(void) { releases; }

#define MUTEX(kind)                                                                                \
  KIND(kind, pthread_mutex_lock(&lock_##kind), pthread_mutex_trylock(&lock_##kind),                \
       pthread_mutex_lock(&lock_##kind), pthread_mutex_unlock(&lock_##kind))

MUTEX(mutex)
MUTEX(recursive)
MUTEX(errorcheck)
MUTEX(robust)
MUTEX(pi)
KIND(timed, pthread_mutex_lock(&lock_timed), pthread_mutex_trylock(&lock_timed),
     struct timespec time = later();
     pthread_mutex_timedlock(&lock_timed, &time), pthread_mutex_unlock(&lock_timed))
KIND(read, pthread_rwlock_wrlock(&lock_read), pthread_rwlock_tryrdlock(&lock_read),
     pthread_rwlock_rdlock(&lock_read), pthread_rwlock_unlock(&lock_read))
KIND(write, pthread_rwlock_rdlock(&lock_write), pthread_rwlock_trywrlock(&lock_write),
     pthread_rwlock_wrlock(&lock_write), pthread_rwlock_unlock(&lock_write))
KIND(semaphore, sem_wait(&lock_semaphore), sem_trywait(&lock_semaphore), sem_wait(&lock_semaphore),
     sem_post(&lock_semaphore))
KIND(stream, flockfile(stream), ftrylockfile(stream), flockfile(stream), funlockfile(stream))

#define ROW(kind) {#kind, hold_##kind, attempt_##kind, wait_##kind, release_##kind}
static const struct kind KINDS[] = {
    ROW(mutex), ROW(recursive), ROW(errorcheck), ROW(robust),    ROW(pi),
    ROW(timed), ROW(read),      ROW(write),      ROW(semaphore), ROW(stream),
};

static const struct kind *current;
static atomic_int begun, done;
static uint64_t calls[WAITERS], total_ns[WAITERS], max_ns[WAITERS];

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static void nap(int us) {
  struct timespec time = {0, us * 1000};
  nanosleep(&time, 0);
}

static void *waiter(void *argument) {
  int self = (int)(intptr_t)argument;
  prctl(PR_SET_NAME, "waiter");
  for (int round = 1; round <= ROUNDS; round++) {
    while (begun < round)
      nap(100);
    if (!current->attempt()) {
      uint64_t from = now();
      current->wait();
      uint64_t waited = now() - from;
      calls[self]++;
      total_ns[self] += waited;
      if (waited > max_ns[self])
        max_ns[self] = waited;
    }
    for (uint64_t end = now() + 50000; now() < end;)
      ;
    current->release();
    done++;
  }
  return 0;
}

static void run(const struct kind *kind) {
  pthread_t threads[WAITERS];
  current = kind;
  begun = done = 0;
  for (int i = 0; i < WAITERS; i++) {
    calls[i] = total_ns[i] = max_ns[i] = 0;
    pthread_create(&threads[i], 0, waiter, (void *)(intptr_t)i);
  }
  for (int round = 1; round <= ROUNDS; round++) {
    kind->hold();
    begun = round;
    nap(HOLD_US);
    kind->release();
    while (done < round * WAITERS)
      nap(100);
  }
  for (int i = 0; i < WAITERS; i++)
    pthread_join(threads[i], 0);
  uint64_t longest = 0;
  for (int i = 0; i < WAITERS; i++)
    if (max_ns[i] > longest)
      longest = max_ns[i];
  printf("%s %ju %ju %ju\n", kind->name, (uintmax_t)(calls[0] + calls[1] + calls[2]),
         (uintmax_t)(total_ns[0] + total_ns[1] + total_ns[2]), (uintmax_t)longest);
}

static void init(pthread_mutex_t *mutex, int type, int robust, int protocol) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, type);
  pthread_mutexattr_setrobust(&attributes, robust);
  pthread_mutexattr_setprotocol(&attributes, protocol);
  pthread_mutex_init(mutex, &attributes);
}

int main(void) {
  prctl(PR_SET_NAME, "holder");
  init(&lock_recursive, PTHREAD_MUTEX_RECURSIVE, 0, 0);
  init(&lock_errorcheck, PTHREAD_MUTEX_ERRORCHECK, 0, 0);
  init(&lock_robust, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, 0);
  init(&lock_pi, PTHREAD_MUTEX_NORMAL, 0, PTHREAD_PRIO_INHERIT);
  sem_init(&lock_semaphore, 0, 1);
  stream = fopen("/dev/null", "w");
  for (unsigned i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
    run(&KINDS[i]);
}
