package command

import "github.com/nubdb/nubdb/wire"

// arena holds copies of replies and keys that outlive what they point to.
type arena struct {
	bytes []byte
}

// copy returns a copy of b that is valid until reset.
func (a *arena) copy(b []byte) []byte {
	if len(b) > cap(a.bytes)-len(a.bytes) {
		// What was handed out stays where it is: start a new block.
		a.bytes = make([]byte, 0, max(4096, len(b), min(2*cap(a.bytes), maxIdle)))
	}
	start := len(a.bytes)
	a.bytes = append(a.bytes, b...)
	return a.bytes[start:len(a.bytes):len(a.bytes)]
}

// reply returns a copy of r that is valid until reset.
func (a *arena) reply(r wire.Reply) wire.Reply {
	if r.Str != nil {
		r.Str = a.copy(r.Str)
	}
	if r.Elems != nil {
		elems := make([]wire.Reply, len(r.Elems))
		for i, e := range r.Elems {
			elems[i] = a.reply(e)
		}
		r.Elems = elems
	}
	return r
}

// reset makes the memory available again, if it is little.
func (a *arena) reset() {
	if cap(a.bytes) > maxIdle {
		a.bytes = nil
	}
	a.bytes = a.bytes[:0]
}
