package command

import (
	"fmt"

	"github.com/nubdb/nubdb/wire"
)

// keyOverhead is what a key takes beside its name and value: the header of its
// record, the slot in the index and the index's free part, in bytes (docs/FORMAT.md).
const keyOverhead = 48

// MEMORY USAGE key [SAMPLES count] answers what the key takes on disk and, as far
// as it is in use, in memory: NubDB maps its files.
func memoryUsage(s *Session, args [][]byte, out *wire.Reply) error {
	if err := checkMemoryUsage(args); err != nil {
		return err
	}
	it, found, err := s.item(args[2])
	if err != nil || !found {
		*out = wire.Nil
		return err
	}
	*out = wire.Integer(int64(keyOverhead + len(args[2]) + len(it.Value)))
	return nil
}

func checkMemoryUsage(args [][]byte) error {
	for options := args[3:]; len(options) > 0; options = options[2:] {
		if !is(options[0], "SAMPLES") || len(options) == 1 {
			return errSyntax
		}
		if n, err := parseInteger(options[1]); err != nil {
			return err
		} else if n < 0 {
			return errSyntax
		}
	}
	return nil
}

// MEMORY STATS
func memoryStats(s *Session, _ [][]byte, out *wire.Reply) error {
	st, err := s.db.Stats()
	if err != nil {
		return err
	}
	p := measureProcess()
	perKey := int64(0)
	if st.Keys > 0 {
		perKey = st.LiveBytes / st.Keys
	}
	*out = wire.Reply{Kind: wire.KindMap, Elems: []wire.Reply{
		wire.BulkString("peak.allocated"), wire.Integer(p.peak),
		wire.BulkString("total.allocated"), wire.Integer(p.heap),
		wire.BulkString("keys.count"), wire.Integer(st.Keys),
		wire.BulkString("keys.bytes-per-key"), wire.Integer(perKey),
		wire.BulkString("dataset.bytes"), wire.Integer(st.LiveBytes),
		wire.BulkString("index.bytes"), wire.Integer(st.IndexBytes),
		wire.BulkString("allocator.resident"), wire.Integer(p.resident),
		wire.BulkString("peak.percentage"), {Kind: wire.KindDouble, Float: 100 * float64(p.heap) / float64(max(p.peak, 1))},
	}}
	return nil
}

// MEMORY DOCTOR
func memoryDoctor(s *Session, _ [][]byte, out *wire.Reply) error {
	p := measureProcess()
	s.scratch = fmt.Appendf(s.scratch[:0], "NubDB maps its files: the system gives their memory to others when it needs it. Of its own the process uses %s.\n", human(p.heap))
	*out = wire.Reply{Kind: wire.KindVerbatim, Str: s.scratch}
	return nil
}
