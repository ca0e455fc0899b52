package server

import (
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
)

const (
	benchClients  = 8
	benchPipeline = 16
	benchKeys     = 100_000
)

// BenchmarkSet and BenchmarkGet are clients that send benchPipeline commands at a time. The
// clients' own work counts, too.
func BenchmarkSet(b *testing.B) { benchmark(b, appendSet, "+OK\r\n") }

func BenchmarkGet(b *testing.B) {
	benchmark(b, func(dst []byte, key int) []byte {
		return fmt.Appendf(dst, "*2\r\n$3\r\nGET\r\n$10\r\nkey:%06d\r\n", key)
	}, "$12\r\nvalue-000000\r\n")
}

func appendSet(dst []byte, key int) []byte {
	return fmt.Appendf(dst, "*3\r\n$3\r\nSET\r\n$10\r\nkey:%06d\r\n$12\r\nvalue-000000\r\n", key)
}

// benchmark sends b.N commands, each of which is answered by reply.
func benchmark(b *testing.B, command func(dst []byte, key int) []byte, reply string) {
	s := start(b, func(cfg *Config) { cfg.DB = b.TempDir() + "/db" })
	fill := s.dial()
	for key := range benchKeys {
		fill.exchange(string(appendSet(nil, key)), "+OK\r\n")
	}
	requests := make([][]byte, 1000)
	for i := range requests {
		for range benchPipeline {
			requests[i] = command(requests[i], rand.IntN(benchKeys))
		}
	}
	b.ResetTimer()
	var clients sync.WaitGroup
	for range benchClients {
		c := s.dial()
		clients.Go(func() {
			replies := make([]byte, benchPipeline*len(reply))
			for i := range b.N/benchPipeline/benchClients + 1 {
				if _, err := c.Write(requests[i%len(requests)]); err != nil {
					b.Error(err)
					return
				}
				if _, err := io.ReadFull(c, replies); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	clients.Wait()
}
