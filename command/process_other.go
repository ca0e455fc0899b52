//go:build !linux

package command

// residentSize is how much of the process is in memory, in bytes; 0 if that is
// not known.
func residentSize() int64 { return 0 }
