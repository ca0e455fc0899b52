package command

// SyncPolicy says when acknowledged writes reach stable storage. Front ends carry it out;
// it is here because all of them have it.
type SyncPolicy int

const (
	SyncEnd    SyncPolicy = iota // before the exit, and every second while a run goes on
	SyncAlways                   // before each reply
	SyncNo                       // when the kernel likes
)
