package command

import (
	"fmt"
	"testing"

	"github.com/nubdb/nubdb/engine"
)

func BenchmarkLookup(b *testing.B) {
	names := [][]byte{[]byte("SET"), []byte("get"), []byte("Incr"), []byte("PEXPIRETIME")}
	for i := 0; b.Loop(); i++ {
		Lookup(names[i&3])
	}
}

// BenchmarkDo is the cost of a command within a group of 1,000, the engine's included.
func BenchmarkDo(b *testing.B) {
	for _, line := range []string{"PING", "GET key:%06d", "SET key:%06d value:%[1]d", "INCR n", "SET key:%06d v EX 100 NX"} {
		b.Run(line, func(b *testing.B) {
			s := newSession(open(b, engine.Options{}), Options{})
			args := make([][][]byte, 10_000)
			for i := range args {
				args[i] = words(fmt.Sprintf(line, i))
				if line == "PING" || line == "INCR n" {
					args[i] = words(line)
				}
			}
			for i := 0; b.Loop(); i++ {
				if i%1000 == 0 {
					if err := s.End(); err != nil {
						b.Fatal(err)
					}
					s.Begin()
				}
				s.Do(args[i%len(args)])
			}
			if err := s.End(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
