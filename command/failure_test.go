package command

import (
	"strings"
	"syscall"
	"testing"

	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/engine/vfs"
)

// openFaulty opens a database with two keys on a file system that can be made to fail.
func openFaulty(t *testing.T) (*Session, *vfs.Fault) {
	t.Helper()
	fault := vfs.NewFault(vfs.NewMem())
	db, err := engine.Open("/db", engine.Options{FS: fault, Inline: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() }) // its error is the injected one
	s := newSession(db, Options{})
	expect(t, s, [2]string{"MSET a 1 b 2", "OK"}, [2]string{"FSYNC", "OK"})
	return s, fault
}

// On a full disk a write is an error without effect, and the rest goes on.
func TestDiskFull(t *testing.T) {
	s, fault := openFaulty(t)
	do(s, "SET large x")
	fault.SetQuota(0)
	large := strings.Repeat("x", 100_000)
	var got string
	for i := 0; i < 10_000 && got != errFull.Error(); i++ {
		if got = do(s, "APPEND large "+large); got[0] != ':' && got != errFull.Error() {
			t.Fatal(got)
		}
	}
	if got != errFull.Error() {
		t.Fatal("the disk never filled up")
	}
	before := do(s, "STRLEN large")
	expect(t, s, [2]string{"APPEND large " + large, errFull.Error()}, [2]string{"MSET a 3 large " + large, errFull.Error()},
		[2]string{"GET a", "$1"}, [2]string{"STRLEN large", before}, [2]string{"DEL b", ":1"}, [2]string{"SIZE", ":2"})
	fault.SetQuota(-1)
	expect(t, s, [2]string{"MSET a 3 large short", "OK"}, [2]string{"MGET a b large", "[$3 nil $short]"})
}

// After a failed fsync nothing more is accepted, and what was read before can still be.
func TestFailedSync(t *testing.T) {
	s, fault := openFaulty(t)
	expect(t, s, [2]string{"SET a 2", "OK"})
	fault.SetRules(vfs.Rule{Ops: vfs.OpDatasync, Err: syscall.EIO})
	for _, line := range []string{"FSYNC", "SET a 3", "FSYNC"} {
		if got := do(s, line); !strings.HasPrefix(got, errFailed.Error()) || !strings.Contains(got, "input/output error") {
			t.Errorf("%s: %s", line, got)
		}
	}
	expect(t, s, [2]string{"GET b", "$2"})
	s.Begin()
	do(s, "SET a 4")
	expect(t, s, [2]string{"GET b", "$2"})
	if err := s.End(); err != nil {
		t.Error("no command of the group was acknowledged, but:", err)
	}
}

func TestMaxSize(t *testing.T) {
	s := newSession(open(t, engine.Options{MaxSize: 10_000}), Options{})
	var got string
	for i := 0; i < 1000 && got != errMaxSize.Error(); i++ {
		got = do(s, "APPEND k "+strings.Repeat("x", 1000))
	}
	expect(t, s, [2]string{"SET k2 " + strings.Repeat("x", 10_000), errMaxSize.Error()}, [2]string{"DEL k", ":1"}, [2]string{"SET k2 v", "OK"})
}
