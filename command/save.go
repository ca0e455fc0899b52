package command

import (
	"time"

	"github.com/nubdb/nubdb/wire"
)

// FSYNC
func fsync(s *Session, _ [][]byte) (wire.Reply, error) {
	return wire.OK, s.db.Sync()
}

// LASTSAVE
func lastSave(s *Session, _ [][]byte) (wire.Reply, error) {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	return wire.Integer(s.in.saved.Unix()), nil
}

// SAVE is FSYNC in the words of Valkey.
func save(s *Session, _ [][]byte) (wire.Reply, error) {
	if err := s.db.Sync(); err != nil {
		return wire.Reply{}, err
	}
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	s.in.saved = time.Now()
	return wire.OK, nil
}

// BGSAVE [SCHEDULE] is done when it answers: a sync takes no longer than others wait for.
func bgSave(s *Session, args [][]byte) (wire.Reply, error) {
	if err := checkBgSave(args); err != nil {
		return wire.Reply{}, err
	}
	_, err := save(s, args)
	return wire.Status("Background saving started"), err
}

func checkBgSave(args [][]byte) error {
	if len(args) == 1 || len(args) == 2 && is(args[1], "SCHEDULE") {
		return nil
	}
	return errSyntax
}

// BGREWRITEAOF is COMPACT in the words of Valkey.
func bgRewriteAOF(s *Session, _ [][]byte) (wire.Reply, error) {
	return wire.Status("Background append only file rewriting started"), s.db.Compact(false)
}

// COMPACT [WAIT]. A process that is no server may end at once, so that it always waits.
func compact(s *Session, args [][]byte) (wire.Reply, error) {
	if err := checkCompact(args); err != nil {
		return wire.Reply{}, err
	}
	return wire.OK, s.db.Compact(len(args) == 2 || s.opt.Addr == "")
}

func checkCompact(args [][]byte) error {
	if len(args) == 1 || len(args) == 2 && is(args[1], "WAIT") {
		return nil
	}
	return errSyntax
}
