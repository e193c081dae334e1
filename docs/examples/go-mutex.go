// Goroutines that wait for one sync.Mutex.
//
//	go run docs/examples/go-mutex.go [SECONDS]
//
// Go's runtime parks goroutines, not threads: a thread sleeps in the kernel only if it does not have
// a goroutine to run. Profilers of futexes, such as lock, therefore report idle threads instead of
// waits for the mutex. The program measures and prints how long its goroutines waited.
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	seconds := 5
	if len(os.Args) > 1 {
		seconds, _ = strconv.Atoi(os.Args[1])
	}
	until := time.Now().Add(time.Duration(seconds) * time.Second)
	var table sync.Mutex
	var waited, waits int64
	sum := 0
	var all sync.WaitGroup
	for worker := 0; worker < 8; worker++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for time.Now().Before(until) {
				if !table.TryLock() {
					before := time.Now()
					table.Lock()
					atomic.AddInt64(&waited, int64(time.Since(before)))
					atomic.AddInt64(&waits, 1)
				}
				for round := 0; round < 100000; round++ {
					sum += round
				}
				table.Unlock()
				time.Sleep(10 * time.Microsecond)
			}
		}()
	}
	all.Wait()
	fmt.Printf("%d waits of goroutines for the table, %v in all\n", waits, time.Duration(waited))
}
