package command

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/nubdb/nubdb/wire"
)

// DBSIZE
func dbSize(s *Session, _ [][]byte, out *wire.Reply) error {
	n, err := s.tx.Len()
	*out = wire.Integer(n)
	return err
}

// FLUSHDB [ASYNC|SYNC]; also FLUSHALL
func flush(s *Session, args [][]byte, out *wire.Reply) error {
	if err := checkFlush(args); err != nil {
		return err
	}
	*out = wire.OK
	return s.tx.Clear()
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
func clock(s *Session, _ [][]byte, out *wire.Reply) error {
	now := time.Now().UnixMicro()
	s.scratch = strconv.AppendInt(s.scratch[:0], now/1e6, 10)
	seconds := len(s.scratch)
	s.scratch = strconv.AppendInt(s.scratch, now%1e6, 10)
	s.elems = append(s.elems[:0], wire.Bulk(s.scratch[:seconds]), wire.Bulk(s.scratch[seconds:]))
	*out = wire.Array(s.elems...)
	return nil
}

// VERIFY
func verify(s *Session, _ [][]byte, out *wire.Reply) error {
	report := s.opt.Report
	if report == nil {
		report = func(string) {}
	}
	faults, err := s.db.Verify(report)
	if err != nil {
		return err
	}
	if faults > 0 {
		return corrupt(faults)
	}
	*out = wire.OK
	return nil
}

// BACKUP path. A server's current directory is not that of its clients.
func backup(s *Session, args [][]byte, out *wire.Reply) error {
	if s.opt.Addr != "" && (len(args[1]) == 0 || args[1][0] != '/') {
		return errRelative
	}
	*out = wire.OK
	return s.db.Backup(string(args[1]))
}

// STATS
func stats(s *Session, _ [][]byte, out *wire.Reply) error {
	s.note()
	st, err := s.db.Stats()
	if err != nil {
		return err
	}
	text := s.scratch[:0]
	text = fmt.Appendf(text, "keys         %d\n", st.Keys)
	text = fmt.Appendf(text, "expiring     %d\n", st.Expiring)
	text = fmt.Appendf(text, "live bytes   %d\n", st.LiveBytes)
	text = fmt.Appendf(text, "dead bytes   %d\n", st.DeadBytes)
	text = fmt.Appendf(text, "index bytes  %d\n", st.IndexBytes)
	text = fmt.Appendf(text, "segments     %d\n", st.Segments)
	text = fmt.Appendf(text, "compactions  %d\n", st.Compactions)
	hits, misses := s.in.totals.hits.Load(), s.in.totals.misses.Load()
	if reads := hits + misses; reads > 0 {
		text = fmt.Appendf(text, "hit rate     %.1f %% of %d reads\n", 100*float64(hits)/float64(reads), reads)
	}
	text = fmt.Appendf(text, "not synced   %d bytes\n", st.Pending)
	text = fmt.Appendf(text, "opened in    %v", st.Open)
	s.scratch = text
	*out = wire.Reply{Kind: wire.KindVerbatim, Str: text}
	return nil
}

// SLEEP seconds
func sleep(s *Session, args [][]byte, out *wire.Reply) error {
	d, err := parseSeconds(args[1])
	if err != nil {
		return err
	}
	*out = wire.OK
	return s.await(d, nil)
}

// DEBUG SLEEP seconds; there is no other DEBUG.
func debug(s *Session, args [][]byte, out *wire.Reply) error {
	if err := checkDebug(args); err != nil {
		return err
	}
	return sleep(s, args[1:], out)
}

func checkDebug(args [][]byte) error {
	if !is(args[1], "SLEEP") || len(args) != 3 {
		return errNoDebug
	}
	return checkSleep(args[1:])
}

// ROLE
func role(_ *Session, _ [][]byte, out *wire.Reply) error {
	*out = wire.Array(wire.BulkString("master"), wire.Integer(0), wire.Array())
	return nil
}

// WAIT numreplicas timeout. There are no replicas, and none will come.
func wait(_ *Session, args [][]byte, out *wire.Reply) error {
	*out = wire.Integer(0)
	return checkWait(args)
}

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
