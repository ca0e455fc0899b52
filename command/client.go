package command

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nubdb/nubdb/wire"
)

// peer is what the other sessions of an instance see of a session. Instance.mu
// guards it, but for the atomics, which the session itself sets once a group.
type peer struct {
	began               time.Time
	name                string // of CLIENT SETNAME
	libName, libVersion string // of CLIENT SETINFO
	channels, patterns  map[string]struct{}
	monitor             bool
	noEvict, noTouch    bool

	used    atomic.Int64         // when it ran its last command, in nanoseconds since Instance.started
	last    atomic.Pointer[Spec] // the last command, nil before the first
	queued  atomic.Int32         // commands between MULTI and EXEC, -1 outside
	watches atomic.Int32         // keys
}

// CLIENT ID
func clientID(s *Session, _ [][]byte, out *wire.Reply) error {
	*out = wire.Integer(s.id)
	return nil
}

// CLIENT GETNAME
func clientGetName(s *Session, _ [][]byte, out *wire.Reply) error {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	if s.peer.name == "" {
		*out = wire.Nil
		return nil
	}
	*out = wire.BulkString(s.peer.name)
	return nil
}

// CLIENT SETNAME name
func clientSetName(s *Session, args [][]byte, out *wire.Reply) error {
	if !isPrintable(args[2]) {
		return errClientName
	}
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	s.peer.name = string(args[2])
	*out = wire.OK
	return nil
}

// CLIENT SETINFO LIB-NAME name | LIB-VER version
func clientSetInfo(s *Session, args [][]byte, out *wire.Reply) error {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	attribute := &s.peer.libName
	switch {
	case is(args[2], "LIB-NAME"):
	case is(args[2], "LIB-VER"):
		attribute = &s.peer.libVersion
	default:
		return replyError(fmt.Sprintf("ERR Unrecognized option '%s'", clip(args[2], 128)))
	}
	if !isPrintable(args[3]) {
		return replyError(fmt.Sprintf("ERR %s cannot contain spaces, newlines or special characters.", bytes.ToLower(args[2])))
	}
	*attribute = string(args[3])
	*out = wire.OK
	return nil
}

// isPrintable tells whether a word can stand in a line of CLIENT LIST.
func isPrintable(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

// CLIENT INFO
func clientInfo(s *Session, _ [][]byte, out *wire.Reply) error {
	s.note()
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	s.scratch = s.appendClient(s.scratch[:0])
	*out = wire.Reply{Kind: wire.KindVerbatim, Str: s.scratch}
	return nil
}

// CLIENT LIST [TYPE type | ID id [id ...]]
func clientList(s *Session, args [][]byte, out *wire.Reply) error {
	wanted, err := parseClientList(args)
	if err != nil {
		return err
	}
	s.note()
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	s.scratch = s.scratch[:0]
	for _, client := range s.in.clients() {
		if wanted.matches(s, client) {
			s.scratch = client.appendClient(s.scratch)
		}
	}
	*out = wire.Reply{Kind: wire.KindVerbatim, Str: s.scratch}
	return nil
}

// clients are the sessions in the order of their ids. in.mu is held.
func (in *Instance) clients() []*Session {
	all := make([]*Session, 0, len(in.sessions))
	for s := range in.sessions {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *Session) int { return cmp.Compare(a.id, b.id) })
	return all
}

// appendClient appends the line of CLIENT LIST: what Valkey shows, with zeros for
// buffers that it measures and NubDB does not. in.mu is held.
func (s *Session) appendClient(dst []byte) []byte {
	p := &s.peer
	now := time.Now()
	idle := now.Sub(s.in.started) - time.Duration(p.used.Load())
	name := "NULL" // as Valkey shows the last command when that was none
	if spec := p.last.Load(); spec != nil {
		name = spec.path()
	}
	return fmt.Appendf(dst, "id=%d addr=%s laddr=%s fd=%d name=%s age=%d idle=%d flags=%s db=0 sub=%d psub=%d ssub=0 multi=%d watch=%d "+
		"qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r cmd=%s user=default redir=-1 resp=%d "+
		"lib-name=%s lib-ver=%s\n",
		s.id, s.opt.Addr, s.opt.LocalAddr, s.opt.FD, p.name, int64(now.Sub(p.began).Seconds()), int64(idle.Seconds()), s.clientFlags(),
		len(p.channels), len(p.patterns), p.queued.Load(), p.watches.Load(), name, s.Protocol(), p.libName, p.libVersion)
}

// clientFlags are the letters of flags= in CLIENT LIST. in.mu is held.
func (s *Session) clientFlags() string {
	var b strings.Builder
	for _, flag := range [...]struct {
		letter byte
		is     bool
	}{
		{'O', s.peer.monitor},
		{'P', len(s.peer.channels)+len(s.peer.patterns) > 0},
		{'x', s.peer.queued.Load() >= 0},
		{'U', strings.HasPrefix(s.opt.Addr, "/")},
		{'e', s.peer.noEvict},
		{'T', s.peer.noTouch},
	} {
		if flag.is {
			b.WriteByte(flag.letter)
		}
	}
	if b.Len() == 0 {
		return "N"
	}
	return b.String()
}

// CLIENT NO-EVICT ON | OFF. Nothing is ever evicted; the flag is shown.
func clientNoEvict(s *Session, args [][]byte, out *wire.Reply) error {
	return s.clientSwitch(&s.peer.noEvict, args[2], out)
}

// CLIENT NO-TOUCH ON | OFF. There are no times of access; the flag is shown.
func clientNoTouch(s *Session, args [][]byte, out *wire.Reply) error {
	return s.clientSwitch(&s.peer.noTouch, args[2], out)
}

func (s *Session) clientSwitch(flag *bool, word []byte, out *wire.Reply) error {
	if err := checkSwitch(word); err != nil {
		return err
	}
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	*flag = is(word, "ON")
	*out = wire.OK
	return nil
}

func checkSwitch(word []byte) error {
	if !is(word, "ON") && !is(word, "OFF") {
		return errSyntax
	}
	return nil
}

// Which replies are kept from the client.
const (
	heard    uint32 = iota
	muted           // all
	skipNext        // that to the next command
)

// CLIENT REPLY ON | OFF | SKIP
func clientReply(s *Session, args [][]byte, out *wire.Reply) error {
	switch {
	case is(args[2], "ON"):
		s.unmute()
	case is(args[2], "OFF"):
		s.mute.Store(muted)
		s.silent = true
	case is(args[2], "SKIP"):
		s.mute.CompareAndSwap(heard, skipNext)
		s.silent = true
	default:
		return errSyntax
	}
	*out = wire.OK
	return nil
}

// unmute lets the client have all replies, that to this command included.
func (s *Session) unmute() {
	s.mute.Store(heard)
	s.silent = false
}

func checkReply(args [][]byte) error {
	if !is(args[2], "ON") && !is(args[2], "OFF") && !is(args[2], "SKIP") {
		return errSyntax
	}
	return nil
}
