package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// runs of each command that startup and open compare.
const runs = 100

// initialization adds up what the packages of the binary do before main, by the Go
// runtime's own account: the median of 20 runs.
func initialization(b *bench) error {
	var sums []float64
	for range 20 {
		c := command{args: []string{b.nubdb, "-d", b.path("none.db"), "PING"}, env: []string{"GODEBUG=inittrace=1"}}
		_, trace, err := c.execute()
		if err != nil {
			return err
		}
		sum := 0.0
		for line := range strings.Lines(string(trace)) {
			// init errors @0.85 ms, 0.007 ms clock, 16 bytes, 1 allocs
			if f := strings.Fields(line); len(f) > 4 && f[0] == "init" {
				ms, err := strconv.ParseFloat(f[4], 64)
				if err != nil {
					return fmt.Errorf("cannot read %q", line)
				}
				sum += ms
			}
		}
		sums = append(sums, sum)
	}
	slices.Sort(sums)
	b.print("init      all packages together: median %.3f ms, max %.3f ms (goal: at most 0.500)", sums[len(sums)/2], sums[len(sums)-1])
	return nil
}

// startup compares two upserts, a select and a count, durable at exit, with sqlite3
// doing the same in one transaction on a file.
func startup(b *bench) error {
	if err := os.WriteFile(b.path("four.txt"), []byte("SET user:1 \"Alice\"\nSET user:2 \"Bob\"\nGET user:1\nSIZE\nQUIT\n"), 0o600); err != nil {
		return err
	}
	sql := `BEGIN; INSERT OR REPLACE INTO kv VALUES('user:1','Alice'); INSERT OR REPLACE INTO kv VALUES('user:2','Bob');
SELECT v FROM kv WHERE k='user:1'; SELECT count(*) FROM kv; COMMIT;
`
	if err := os.WriteFile(b.path("four.sql"), []byte(sql), 0o600); err != nil {
		return err
	}
	sqlite, err := exec.LookPath("sqlite3")
	if err != nil {
		return fmt.Errorf("%w (Debian's package sqlite3)", err)
	}
	create := command{args: []string{sqlite, b.path("four.sqlite"), "CREATE TABLE kv(k TEXT PRIMARY KEY, v TEXT) WITHOUT ROWID"}}
	if _, _, err := create.execute(); err != nil {
		return err
	}
	t, err := interleaved(runs, nil,
		command{args: []string{b.nubdb, "-d", b.path("four.db")}, stdin: b.path("four.txt")},
		command{args: []string{sqlite, b.path("four.sqlite")}, stdin: b.path("four.sql")})
	if err != nil {
		return err
	}
	b.print("startup   nubdb    %v", t[0])
	b.print("startup   sqlite3  %v", t[1])
	b.print("startup   nubdb / sqlite3 = %.2f (goal: at most 1.00)", ratio(t[0], t[1]))
	return nil
}
