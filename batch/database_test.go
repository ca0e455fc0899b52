package batch

import (
	"testing"
	"time"

	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/engine/vfs"
)

// A session that has something to lose keeps the database.
func TestCanLetGo(t *testing.T) {
	for _, test := range []struct {
		name     string
		db       string
		atomic   bool
		commands []string
		want     bool
	}{
		{"idle", "db", false, []string{"PING"}, true},
		{"after EXEC", "db", false, []string{"MULTI", "EXEC"}, true},
		{"in MULTI", "db", false, []string{"MULTI"}, false},
		{"with WATCH", "db", false, []string{"WATCH|k"}, false},
		{"atomic", "db", true, nil, false},
		{"in memory", engine.Memory, false, nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := quiet(t, "")
			cfg.DB, cfg.Atomic, cfg.Engine.FS = test.db, test.atomic, vfs.NewMem()
			r, err := newRun(cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer r.close()
			if r.canLetGo() {
				t.Error("lets go of what is not open")
			}
			if err := r.open(); err != nil {
				t.Fatal(err)
			}
			for _, c := range test.commands {
				if reply := r.session.Do(words(c)); reply.IsError() {
					t.Fatalf("%s: %s", c, reply.Str)
				}
			}
			if got := r.canLetGo(); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
			r.session.Rollback() // of the atomic run
			if err := r.letGo(); err != nil || r.db != nil {
				t.Errorf("letting go: %v", err)
			}
		})
	}
}

func TestSooner(t *testing.T) {
	for _, test := range []struct{ a, b, want time.Duration }{
		{-1, -1, -1}, {-1, 0, 0}, {5, -1, 5}, {5, 3, 3}, {3, 5, 3}, {0, 5, 0},
	} {
		if got := sooner(test.a, test.b); got != test.want {
			t.Errorf("sooner(%d, %d) is %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
