package batch

import (
	"bytes"
	"errors"

	"github.com/nubdb/nubdb/wire"
)

// scanCount keys, or some hundred more, are looked at by one SCAN.
const scanCount = "1000"

// Scan prints the keys that match a pattern of KEYS, each as the reply of a command that
// answers it, and returns the exit status. Its memory does not depend on how many there
// are. It lets go of the database when others wait, and always while it writes, so that
// what it prints is what SCAN promises: keys that are there throughout are printed, others
// may be, and a key that is written meanwhile may be printed twice.
func Scan(cfg Config, pattern []byte) int {
	cfg.Progress = ProgressNever // nobody knows how many keys are to come
	return runMode(cfg, func(r *run) error { return r.scan(pattern) })
}

func (r *run) scan(pattern []byte) error {
	r.last = wire.Reply{Kind: wire.KindArray}
	for cursor := []byte("0"); ; {
		if err := r.housekeep(); err != nil {
			return err
		}
		if err := r.db.Open(); err != nil {
			return r.unusable(err)
		}
		reply := r.db.Run([][]byte{[]byte("SCAN"), cursor, []byte("MATCH"), pattern, []byte("COUNT"), []byte(scanCount)})
		if reply.IsError() {
			r.note(statusOfReply(reply.Str))
			return errors.New(string(reply.Str))
		}
		cursor = bytes.Clone(reply.Elems[0].Str)
		keys := reply.Elems[1].Elems
		r.last.Int += int64(len(keys))
		for i := range keys {
			r.render(nil, &keys[i])
		}
		ended := string(cursor) == "0"
		if len(r.out.buf) >= groupOutput || ended {
			// Whoever reads this may be slow.
			if err := r.db.LetGo(); err != nil {
				return r.lost(err)
			}
			if err := r.acknowledge(); err != nil || ended {
				return err
			}
		}
	}
}
