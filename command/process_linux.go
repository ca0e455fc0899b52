package command

import (
	"fmt"
	"os"
)

// residentSize is how much of the process is in memory, in bytes; 0 if that is
// not known.
func residentSize() int64 {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(statm), &size, &resident); err != nil {
		return 0
	}
	return resident * int64(os.Getpagesize())
}
