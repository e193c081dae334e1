// The same as locks.c, with the locks of C++'s library.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <sys/prctl.h>
#include <thread>
#include <vector>

constexpr int WAITERS = 3, ROUNDS = 10, HOLD_US = 5000;

static std::mutex lock_mutex;
static std::recursive_mutex lock_recursive;
static std::timed_mutex lock_timed;
static std::shared_mutex lock_read, lock_write;

// A method, whose argument has a long type: its own name is what reports are read for.
struct Service {
  std::mutex lock;
  __attribute__((noinline)) void wait_method(const std::string &, const std::vector<std::string> &) {
    lock.lock();
    asm volatile("");
  }
};
static Service lock_method;

#define WAIT(kind, waits)                                                                          \
  __attribute__((noinline)) static void wait_##kind() {                                            \
    waits;                                                                                         \
    asm volatile("");                                                                              \
  }
WAIT(mutex, lock_mutex.lock())
WAIT(recursive, lock_recursive.lock())
WAIT(timed, while (!lock_timed.try_lock_for(std::chrono::seconds(60))) {})
WAIT(read, lock_read.lock_shared())
WAIT(write, lock_write.lock())

struct Kind {
  const char *name;
  void (*hold)();
  bool (*attempt)();
  void (*wait)();
  void (*release)();
  void (*unhold)();
};

#define MUTEX(kind)                                                                                \
  {#kind, [] { lock_##kind.lock(); }, [] { return lock_##kind.try_lock(); }, wait_##kind,          \
   [] { lock_##kind.unlock(); }, [] { lock_##kind.unlock(); }}
static const Kind KINDS[] = {
    MUTEX(mutex),
    MUTEX(recursive),
    MUTEX(timed),
    {"read", [] { lock_read.lock(); }, [] { return lock_read.try_lock_shared(); }, wait_read,
     [] { lock_read.unlock_shared(); }, [] { lock_read.unlock(); }},
    {"write", [] { lock_write.lock_shared(); }, [] { return lock_write.try_lock(); }, wait_write,
     [] { lock_write.unlock(); }, [] { lock_write.unlock_shared(); }},
    {"method", [] { lock_method.lock.lock(); }, [] { return lock_method.lock.try_lock(); },
     [] { lock_method.wait_method("a", {"b"}); }, [] { lock_method.lock.unlock(); },
     [] { lock_method.lock.unlock(); }},
};

static std::atomic<int> begun, done;
static std::atomic<uint64_t> calls, total_ns, max_ns;

static uint64_t now() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

static void nap(int us) {
  timespec time = {0, us * 1000};
  nanosleep(&time, nullptr);
}

static void waiter(const Kind *kind) {
  prctl(PR_SET_NAME, "waiter");
  for (int round = 1; round <= ROUNDS; round++) {
    while (begun < round)
      nap(100);
    if (!kind->attempt()) {
      uint64_t from = now();
      kind->wait();
      uint64_t waited = now() - from;
      calls++;
      total_ns += waited;
      for (uint64_t longest = max_ns; waited > longest && !max_ns.compare_exchange_weak(longest, waited);)
        ;
    }
    for (uint64_t end = now() + 50000; now() < end;)
      ;
    kind->release();
    done++;
  }
}

int main() {
  prctl(PR_SET_NAME, "holder");
  for (const Kind &kind : KINDS) {
    begun = done = 0;
    calls = total_ns = max_ns = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < WAITERS; i++)
      threads.emplace_back(waiter, &kind);
    for (int round = 1; round <= ROUNDS; round++) {
      kind.hold();
      begun = round;
      nap(HOLD_US);
      kind.unhold();
      while (done < round * WAITERS)
        nap(100);
    }
    for (auto &thread : threads)
      thread.join();
    printf("%s %ju %ju %ju\n", kind.name, (uintmax_t)calls, (uintmax_t)total_ns, (uintmax_t)max_ns);
  }
}
