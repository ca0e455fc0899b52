package server

import "time"

// interest is a set of things that a descriptor is to be watched for, or is ready for.
type interest uint8

const (
	readable interest = 1 << iota
	writable
	hangup // the peer has gone, or will send nothing more
	edge   // what is readable may be told once only, until more arrives; with hangup if that is what arrived
)

// event is what a descriptor is ready for.
type event struct {
	fd    int
	ready interest
}

// A poller, one for each system, tells which descriptors are ready. Without edge it is
// level-triggered: what is not dealt with is told again. All methods but wake belong to one
// goroutine.
//
//	newPoller() (*poller, error)
//	add(fd int, want interest) error           begins to watch a descriptor
//	change(fd int, was, want interest) error   watches it for something else
//	remove(fd int, was interest)               ends that; not needed before close(2)
//	wait(d time.Duration) ([]event, error)     waits, at most d, for ever if that is negative
//	wake()                                     ends the wait under way or the next one, from any goroutine
//	close()

// maxEvents is how many events one wait returns at most.
const maxEvents = 512

// milliseconds rounds a duration up, so that a wait never ends before what it waits for.
func milliseconds(d time.Duration) int {
	if d < 0 {
		return -1
	}
	return int((d + time.Millisecond - 1) / time.Millisecond)
}
