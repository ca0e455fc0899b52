package batch

import (
	"os"
	"strings"
	"testing"

	"github.com/nubdb/nubdb/engine"
)

// quiet is a run of a text of commands on a database in memory, whose output nobody reads.
func quiet(t testing.TB, text string) Config {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { null.Close() })
	return Config{DB: engine.Memory, Inputs: []Input{Text(1, text)}, Stdin: null, Stdout: null, Stderr: null, End: "\n"}
}

// Nothing is allocated for a command.
func TestNoAllocationPerCommand(t *testing.T) {
	const commands = 3 * 1000
	text := strings.Repeat("SET key:123456 value:123456\nGET key:123456\nINCR counter\n", commands/3)
	for name, run := range map[string]func(Config) int{"run": Run, "check": Check} {
		for format, end := range map[Format]string{Plain: "", JSON: "", Raw: "\n", RESP: ""} {
			cfg := quiet(t, text)
			cfg.Format, cfg.End = format, end
			allocs := testing.AllocsPerRun(1, func() {
				if status := run(cfg); status != StatusOK {
					t.Fatalf("status %d", status)
				}
			})
			if allocs > commands/2 { // some hundred are for the run itself
				t.Errorf("%s, format %d: %.2f allocations a command", name, format, allocs/commands)
			}
		}
	}
}

func BenchmarkRun(b *testing.B) {
	const commands = 100_000
	cfg := quiet(b, strings.Repeat("SET key:123456 value:123456\n", commands))
	for b.Loop() {
		if status := Run(cfg); status != StatusOK {
			b.Fatalf("status %d", status)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/commands, "ns/command")
}
