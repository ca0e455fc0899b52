package engine

import "sync"

// versions knows what version a record has whose address is not its version any more,
// because compaction has moved it, and of which records somebody has asked for it.
type versions struct {
	mu sync.Mutex // guards of against other readers; who writes has the database's lock
	of map[uint64]uint64
}

// maxVersions keeps the memory bounded. When there are more all are forgotten: records
// that were moved while somebody watched them look changed then, others don't.
const maxVersions = 1 << 16

// get returns the version of the record at addr, and remembers that it was asked for.
func (v *versions) get(addr uint64) uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	if version, ok := v.of[addr]; ok {
		return version
	}
	if v.of == nil || len(v.of) >= maxVersions {
		v.of = map[uint64]uint64{}
	}
	v.of[addr] = addr
	return addr
}

// moved says that the record at addr is another's copy.
func (v *versions) moved(from, to uint64) {
	if version, ok := v.of[from]; ok {
		v.of[to] = version
	}
}

// forget is called when nothing refers to addr any more.
func (v *versions) forget(addr uint64) { delete(v.of, addr) }
