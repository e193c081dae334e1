/* Three threads wait for their turns at one word, for microseconds and hundreds of thousands of
 * times. Each prints its number and how often it slept: FUTEX_WAIT returns 0 after a wait. */
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Whose turn it is: the first thread waits most often. */
static const int turns[] = {0, 1, 0, 1, 0, 1, 0, 2};

static atomic_int word;
static atomic_int stop;

static int whose(int turn)
{
    return turns[(unsigned)turn % 8];
}

static void *take_turns(void *argument)
{
    int self = (int)(long)argument;
    long waits = 0;
    while (!stop) {
        int now = word;
        if (whose(now) != self) {
            if (syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, now, 0, 0, 1u << self) == 0)
                waits++;
            continue;
        }
        /* Those whose turn it is not see the word change and wait again. */
        word = now + 1;
        syscall(SYS_futex, &word, FUTEX_WAKE_BITSET_PRIVATE, 1, 0, 0, 1u << whose(now + 1));
    }
    for (int other = 0; other < 3; other++)
        syscall(SYS_futex, &word, FUTEX_WAKE_BITSET_PRIVATE, 1, 0, 0, 1u << other);
    printf("%ld %ld\n", (long)syscall(SYS_gettid), waits);
    return 0;
}

int main(int count, char **arguments)
{
    pthread_t threads[3];
    for (long number = 0; number < 3; number++)
        pthread_create(&threads[number], 0, take_turns, (void *)number);
    struct timespec time = {.tv_sec = count > 1 ? atoi(arguments[1]) : 3};
    nanosleep(&time, 0);
    stop = 1;
    for (int number = 0; number < 3; number++)
        syscall(SYS_futex, &word, FUTEX_WAKE_BITSET_PRIVATE, 1, 0, 0, 1u << number);
    for (int number = 0; number < 3; number++)
        pthread_join(threads[number], 0);
    return 0;
}
