package command

import (
	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/wire"
)

// queue holds the commands between MULTI and EXEC.
type queue struct {
	open     bool // between MULTI and EXEC or DISCARD
	failed   bool // a command could not be queued: EXEC will answer an error
	commands []queued
	flags    Flag  // those of all commands together
	words    arena // the memory of their arguments
}

type queued struct {
	spec *Spec
	args [][]byte
}

// add copies a command into the queue. A queue that has failed takes no more
// memory, since nothing of it will run.
func (q *queue) add(spec *Spec, args [][]byte) {
	if q.failed {
		return
	}
	words := make([][]byte, len(args))
	for i, arg := range args {
		words[i] = q.words.copy(arg)
	}
	q.commands = append(q.commands, queued{spec, words})
	q.flags |= spec.Flags
}

// fail makes the coming EXEC answer an error, if there is a queue.
func (q *queue) fail() {
	if q.open {
		*q = queue{open: true, failed: true}
	}
}

func (q *queue) reset() { *q = queue{} }

// flagsFor are the flags of what the command will run beside itself: EXEC runs
// the queue.
func (q *queue) flagsFor(spec *Spec) Flag {
	if spec.Has(EndsMulti) {
		return q.flags & (Read | Write | Replicated)
	}
	return 0
}

// watchList is the keys of WATCH with the versions they had then.
type watchList struct {
	keys  []watchedKey
	dirty bool // a watched key has changed: EXEC will run nothing
}

type watchedKey struct {
	key     []byte
	version uint64
}

func (w *watchList) active() bool { return len(w.keys) > 0 || w.dirty }

func (w *watchList) reset() { *w = watchList{} }

// add watches a key from now on. One that is watched already keeps its version.
func (w *watchList) add(tx *engine.Tx, key []byte) error {
	for i := range w.keys {
		if string(w.keys[i].key) == string(key) {
			return nil
		}
	}
	version, err := tx.Version(key)
	if err != nil {
		return err
	}
	w.keys = append(w.keys, watchedKey{append([]byte(nil), key...), version})
	return nil
}

// compare notes whether a watched key has changed. It is called before every
// command of the session that writes too, so that a key counts as changed that such
// a command brings back to the state of not being there.
func (w *watchList) compare(tx *engine.Tx) error {
	for i := range w.keys {
		if w.dirty {
			break
		}
		version, err := tx.Version(w.keys[i].key)
		if err != nil {
			return err
		}
		w.dirty = version != w.keys[i].version
	}
	return nil
}

// refuse notes that a command was not admitted: a later EXEC will fail, and an
// EXEC that is not admitted itself ends the transaction and is shown by MONITOR, as in Valkey.
func (s *Session) refuse(spec *Spec, args [][]byte, err error) error {
	if spec.Has(EndsMulti) {
		if s.in.attention.Load()&monitored != 0 {
			s.in.report(s, args)
		}
		s.multi.reset()
		s.watched.reset()
		return execAborted(err)
	}
	s.multi.fail()
	return err
}

// MULTI
func multi(s *Session, _ [][]byte, out *wire.Reply) error {
	s.multi.open = true
	*out = wire.OK
	return nil
}

// DISCARD
func discard(s *Session, _ [][]byte, out *wire.Reply) error {
	if !s.multi.open {
		return errDiscardAlone
	}
	s.multi.reset()
	s.watched.reset()
	*out = wire.OK
	return nil
}

// WATCH key [key ...]
func watch(s *Session, args [][]byte, out *wire.Reply) error {
	for _, key := range args[1:] {
		if err := s.watched.add(s.tx, key); err != nil {
			return err
		}
	}
	*out = wire.OK
	return nil
}

// UNWATCH
func unwatch(s *Session, _ [][]byte, out *wire.Reply) error {
	s.watched.reset()
	*out = wire.OK
	return nil
}

// EXEC runs the queue in one transaction, which ends after it outside groups and
// atomic runs. A command of the queue that fails undoes itself only; its error
// stands in its place of the reply.
func exec(s *Session, _ [][]byte, out *wire.Reply) error {
	if !s.multi.open {
		return errExecAlone
	}
	q, w := s.multi, s.watched
	s.multi.reset()
	s.watched.reset()
	if q.failed {
		return errExecAbort
	}
	flags := q.flags
	if len(w.keys) > 0 {
		flags |= Read
	}
	if err := s.enter(flags); err != nil {
		return err
	}
	if err := w.compare(s.tx); err != nil {
		return err
	}
	if w.dirty {
		*out = wire.NilArray
		return nil
	}
	*out = wire.Array(s.runAll(q.commands)...)
	return nil
}

func (s *Session) runAll(commands []queued) []wire.Reply {
	s.running = int32(len(commands))
	defer func() { s.running = 0 }()
	replies := make([]wire.Reply, len(commands))
	for i, c := range commands {
		if err := s.execute(c.spec, c.args, &replies[i]); err != nil {
			replies[i] = s.in.errorReply(err)
		}
		// The next command may move what the reply points to.
		replies[i] = s.kept.reply(replies[i])
	}
	return replies
}
