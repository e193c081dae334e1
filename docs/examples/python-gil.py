#!/usr/bin/python3
"""A service with one thread that must answer fast, and some that compute: all wait for the GIL.

    docs/examples/python-gil.py [SECONDS] [COMPUTING_THREADS]

It measures and prints how late the fast thread was, for comparison with a profile.
"""

import sys
import threading
import time

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
COMPUTING = int(sys.argv[2]) if len(sys.argv) > 2 else 3


def compute_price(rounds):
    """Pure Python: releases the GIL only on request, after 5 ms."""
    total = 0
    for number in range(rounds):
        total = (total * 31 + number) % 1_000_003
    return total


def computing(until):
    while time.monotonic() < until:
        compute_price(20_000)


def answer_requests(until, late):
    """One request per millisecond. The sleep releases the GIL, and must acquire it again."""
    while time.monotonic() < until:
        due = time.monotonic() + 0.001
        time.sleep(0.001)
        late.append(time.monotonic() - due)


def main():
    until = time.monotonic() + SECONDS
    late = []
    threads = [threading.Thread(target=computing, args=(until,)) for _ in range(COMPUTING)]
    threads.append(threading.Thread(target=answer_requests, args=(until, late)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    late.sort()
    print(
        f"{len(late)} requests answered in {SECONDS:g} s, "
        f"mean delay {sum(late) / len(late) * 1e3:.1f} ms, "
        f"p99 {late[len(late) * 99 // 100] * 1e3:.1f} ms"
    )


main()
