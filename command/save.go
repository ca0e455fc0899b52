package command

import (
	"time"

	"github.com/nubdb/nubdb/wire"
)

// FSYNC
func fsync(s *Session, _ [][]byte, out *wire.Reply) error {
	*out = wire.OK
	return s.db.Sync()
}

// LASTSAVE
func lastSave(s *Session, _ [][]byte, out *wire.Reply) error {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	*out = wire.Integer(s.in.saved.Unix())
	return nil
}

// SAVE is FSYNC in the words of Valkey.
func save(s *Session, _ [][]byte, out *wire.Reply) error {
	if err := s.db.Sync(); err != nil {
		return err
	}
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	s.in.saved = time.Now()
	*out = wire.OK
	return nil
}

// BGSAVE [SCHEDULE] is done when it answers: a sync takes no longer than others wait for.
func bgSave(s *Session, args [][]byte, out *wire.Reply) error {
	if err := checkBgSave(args); err != nil {
		return err
	}
	err := save(s, args, out)
	*out = wire.Status("Background saving started")
	return err
}

func checkBgSave(args [][]byte) error {
	if len(args) == 1 || len(args) == 2 && is(args[1], "SCHEDULE") {
		return nil
	}
	return errSyntax
}

// BGREWRITEAOF is COMPACT in the words of Valkey.
func bgRewriteAOF(s *Session, _ [][]byte, out *wire.Reply) error {
	*out = wire.Status("Background append only file rewriting started")
	return s.db.Compact(false)
}

// COMPACT [WAIT]. A process that is no server may end at once, so that it always waits.
func compact(s *Session, args [][]byte, out *wire.Reply) error {
	if err := checkCompact(args); err != nil {
		return err
	}
	*out = wire.OK
	return s.db.Compact(len(args) == 2 || s.opt.Addr == "")
}

func checkCompact(args [][]byte) error {
	if len(args) == 1 || len(args) == 2 && is(args[1], "WAIT") {
		return nil
	}
	return errSyntax
}
