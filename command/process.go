package command

import (
	"runtime"
	"syscall"
	"time"
)

// processFigures are what the system knows of this process.
type processFigures struct {
	heap     int64 // bytes of memory that Go has taken from the system and uses
	resident int64 // bytes in memory, mapped files of the database included
	peak     int64 // the most that resident has been
	user     time.Duration
	system   time.Duration
}

func measureProcess() (p processFigures) {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	p.heap = int64(memory.Sys - memory.HeapReleased)
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) == nil {
		p.peak = int64(usage.Maxrss)
		if runtime.GOOS != "darwin" { // which counts bytes
			p.peak *= 1024
		}
		p.user = time.Duration(usage.Utime.Nano())
		p.system = time.Duration(usage.Stime.Nano())
	}
	if p.resident = residentSize(); p.resident == 0 {
		p.resident = p.peak
	}
	p.peak = max(p.peak, p.resident)
	return p
}
