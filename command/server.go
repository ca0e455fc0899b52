package command

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/nubdb/nubdb/wire"
)

// DBSIZE
func dbSize(s *Session, _ [][]byte) (wire.Reply, error) {
	n, err := s.tx.Len()
	return wire.Integer(n), err
}

// FLUSHDB [ASYNC|SYNC]; also FLUSHALL
func flush(s *Session, args [][]byte) (wire.Reply, error) {
	if err := checkFlush(args); err != nil {
		return wire.Reply{}, err
	}
	return wire.OK, s.tx.Clear()
}

// checkFlush accepts what Redis does. The engine clears in one step, so that the
// two options make no difference.
func checkFlush(args [][]byte) error {
	if len(args) == 1 || len(args) == 2 && (is(args[1], "ASYNC") || is(args[1], "SYNC")) {
		return nil
	}
	return errSyntax
}

// TIME
func clock(s *Session, _ [][]byte) (wire.Reply, error) {
	now := time.Now().UnixMicro()
	s.scratch = strconv.AppendInt(s.scratch[:0], now/1e6, 10)
	seconds := len(s.scratch)
	s.scratch = strconv.AppendInt(s.scratch, now%1e6, 10)
	s.elems = append(s.elems[:0], wire.Bulk(s.scratch[:seconds]), wire.Bulk(s.scratch[seconds:]))
	return wire.Array(s.elems...), nil
}

// FSYNC
func fsync(s *Session, _ [][]byte) (wire.Reply, error) {
	return wire.OK, s.db.Sync()
}

// VERIFY
func verify(s *Session, _ [][]byte) (wire.Reply, error) {
	report := s.opt.Report
	if report == nil {
		report = func(string) {}
	}
	faults, err := s.db.Verify(report)
	if err != nil {
		return wire.Reply{}, err
	}
	if faults > 0 {
		return wire.Reply{}, corrupt(faults)
	}
	return wire.OK, nil
}

// BACKUP path. A server's current directory is not that of its clients.
func backup(s *Session, args [][]byte) (wire.Reply, error) {
	if s.opt.Push != nil && (len(args[1]) == 0 || args[1][0] != '/') {
		return wire.Reply{}, errRelative
	}
	return wire.OK, s.db.Backup(string(args[1]))
}

// STATS
func stats(s *Session, _ [][]byte) (wire.Reply, error) {
	s.note()
	st, err := s.db.Stats()
	if err != nil {
		return wire.Reply{}, err
	}
	text := s.scratch[:0]
	text = fmt.Appendf(text, "keys         %d\n", st.Keys)
	text = fmt.Appendf(text, "expiring     %d\n", st.Expiring)
	text = fmt.Appendf(text, "live bytes   %d\n", st.LiveBytes)
	text = fmt.Appendf(text, "dead bytes   %d\n", max(st.LogBytes-st.LiveBytes, 0))
	text = fmt.Appendf(text, "index bytes  %d\n", st.IndexBytes)
	text = fmt.Appendf(text, "segments     %d\n", st.Segments)
	hits, misses := s.in.totals.hits.Load(), s.in.totals.misses.Load()
	if reads := hits + misses; reads > 0 {
		text = fmt.Appendf(text, "hit rate     %.1f %% of %d reads\n", 100*float64(hits)/float64(reads), reads)
	}
	text = fmt.Appendf(text, "not synced   %d bytes\n", st.Pending)
	text = fmt.Appendf(text, "opened in    %v", st.Open)
	s.scratch = text
	return wire.Reply{Kind: wire.KindVerbatim, Str: text}, nil
}

// SLEEP seconds
func sleep(s *Session, args [][]byte) (wire.Reply, error) {
	d, err := parseSeconds(args[1])
	if err != nil {
		return wire.Reply{}, err
	}
	return wire.OK, s.await(d, nil)
}

// DEBUG SLEEP seconds; there is no other DEBUG.
func debug(s *Session, args [][]byte) (wire.Reply, error) {
	if err := checkDebug(args); err != nil {
		return wire.Reply{}, err
	}
	return sleep(s, args[1:])
}

func checkDebug(args [][]byte) error {
	if !is(args[1], "SLEEP") || len(args) != 3 {
		return errNoDebug
	}
	return checkSleep(args[1:])
}

// ROLE
func role(*Session, [][]byte) (wire.Reply, error) {
	return wire.Array(wire.BulkString("master"), wire.Integer(0), wire.Array()), nil
}

// WAIT numreplicas timeout. There are no replicas, and none will come.
func wait(_ *Session, args [][]byte) (wire.Reply, error) { return wire.Integer(0), checkWait(args) }

func checkWait(args [][]byte) error {
	if _, err := parseInteger(args[1]); err != nil {
		return err
	}
	millis, err := parseInteger(args[2])
	switch {
	case err != nil:
		return errTimeout
	case millis < 0:
		return errNegative
	}
	return nil
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

// BGREWRITEAOF
func bgRewriteAOF(*Session, [][]byte) (wire.Reply, error) {
	return wire.Status("Background append only file rewriting started"), nil
}

// SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]
func shutdown(s *Session, args [][]byte) (wire.Reply, error) {
	o, err := parseShutdown(args)
	switch {
	case err != nil:
		return wire.Reply{}, err
	case o.abort:
		return wire.Reply{}, errNoShutdown
	case s.in.set.Shutdown == nil:
		return wire.Reply{}, notServer("SHUTDOWN")
	}
	s.in.set.Shutdown(!o.noSave)
	s.quit = true
	return wire.None, nil // as in Valkey: the end of the connection is the answer
}

type shutdownOptions struct{ save, noSave, abort bool }

func parseShutdown(args [][]byte) (o shutdownOptions, err error) {
	for _, word := range args[1:] {
		switch {
		case is(word, "SAVE"):
			o.save = true
		case is(word, "NOSAVE"):
			o.noSave = true
		case is(word, "ABORT"):
			o.abort = true
		case is(word, "NOW"), is(word, "FORCE"):
		default:
			return o, errSyntax
		}
	}
	if o.save && o.noSave || o.abort && len(args) > 2 {
		return o, errSyntax
	}
	return o, nil
}

func checkShutdown(args [][]byte) error {
	_, err := parseShutdown(args)
	return err
}

// checkSleep is what Check makes of SLEEP.
func checkSleep(args [][]byte) error {
	_, err := parseSeconds(args[1])
	return err
}

// parseSeconds reads a time in seconds with or without a fraction. More than
// the largest Duration, 292 years, is that.
func parseSeconds(b []byte) (time.Duration, error) {
	x, err := parseFloat(b)
	if err != nil {
		return 0, err
	}
	if x.Sign() < 0 {
		return 0, errNegative
	}
	seconds, _ := x.Float64()
	if seconds >= math.MaxInt64/1e9 {
		return math.MaxInt64, nil
	}
	return time.Duration(seconds * 1e9), nil
}
