// starved.c with std::mutex.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <sys/resource.h>
#include <thread>

using Clock = std::chrono::steady_clock;

static std::mutex mutex;
static std::atomic<bool> stop{false};

static void sleep_us(long us) { std::this_thread::sleep_for(std::chrono::microseconds(us)); }

static long slept() {
    rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

int main() {
    long calls = 0, total = 0, longest = 0, sleeps = 0;
    std::thread thread([] {
        while (!stop) {
            std::lock_guard<std::mutex> guard(mutex);
            sleep_us(500);
        }
    });
    sleep_us(10000);
    auto end = Clock::now() + std::chrono::seconds(1);
    while (Clock::now() < end) {
        long before = slept();
        auto begin = Clock::now();
        mutex.lock();
        long took = std::chrono::nanoseconds(Clock::now() - begin).count();
        long more = slept() - before;
        mutex.unlock();
        if (more > 0) {
            calls++;
            sleeps += more;
            total += took;
            longest = took > longest ? took : longest;
        }
        sleep_us(300);
    }
    stop = true;
    thread.join();
    std::printf("%ld %ld %ld %ld\n", calls, sleeps, total, longest);
}
