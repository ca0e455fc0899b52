package server

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nubdb/nubdb/command/redistest"
	"github.com/nubdb/nubdb/wire"
)

// startBoth starts a redis-server and a server of ours and returns their sockets.
func startBoth(t *testing.T) map[string]string {
	t.Helper()
	ours := filepath.Join(redistest.ShortDir(t), "sock")
	start(t, func(c *Config) { c.TCP, c.UnixSocket = false, ours })
	return map[string]string{"redis": redistest.Start(t), "nubdb": ours}
}

// unsteady are commands whose replies depend on time, order or chance, or are those of a newer
// version than the server's.
var unsteady = []string{"KEYS", "TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME", "RANDOMKEY", "SCAN", "TIME", "OBJECT", "DUMP", "CLIENT", "HELLO", "RESET", "AUTH", "BITCOUNT", "BITPOS"}

// streamOf is the commands of a file of package command's, those of its second session left out.
func streamOf(t *testing.T, file string) (commands [][][]byte) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r := wire.NewReader(bytes.NewReader(text), wire.BatchGrammar)
	for {
		c, err := r.Next()
		if err == io.EOF {
			return append(commands, [][]byte{[]byte("DISCARD")}, [][]byte{[]byte("FLUSHALL")})
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if name := strings.ToUpper(string(c.Args[0])); name == "@2" || slices.Contains(unsteady, name) {
			continue
		}
		args := make([][]byte, len(c.Args))
		for i, arg := range c.Args {
			args[i] = bytes.Clone(arg)
		}
		commands = append(commands, args)
	}
}

// asLine is a command as a line of text. Every word is in quotes: a quote inside a bare
// word is an error to Redis, and itself to NubDB.
func asLine(dst []byte, args [][]byte) []byte {
	for i, arg := range args {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(dst, '"')
		for _, c := range arg {
			if c < ' ' || c > '~' || c == '"' || c == '\\' {
				dst = fmt.Appendf(dst, "\\x%02x", c)
			} else {
				dst = append(dst, c)
			}
		}
		dst = append(dst, '"')
	}
	return append(dst, "\r\n"...)
}

// TestConformance sends the same streams to a real redis-server and to a server of ours, as
// requests of RESP and as lines, in pieces of any size, and compares all that comes back.
func TestConformance(t *testing.T) {
	files, err := filepath.Glob("../command/testdata/valkey/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no streams", err)
	}
	both := startBoth(t)
	for _, form := range []struct {
		name, begin string
		encode      func(dst []byte, args [][]byte) []byte
	}{
		{"RESP2", "", wire.AppendRequest},
		{"RESP3", "HELLO 3\r\n", wire.AppendRequest},
		{"lines", "", asLine},
	} {
		for _, file := range files {
			t.Run(form.name+"/"+filepath.Base(file), func(t *testing.T) {
				var in []byte
				commands := streamOf(t, file)
				for _, args := range commands {
					in = form.encode(in, args)
				}
				got := converse(t, both["nubdb"], form.begin, in)
				want := converse(t, both["redis"], form.begin, in)
				if !bytes.Equal(got, want) {
					i := 0
					for i < min(len(got), len(want)) && got[i] == want[i] {
						i++
					}
					from := max(0, i-200)
					t.Errorf("at byte %d:\n got ...%q\nwant ...%q", i, got[from:min(len(got), i+200)], want[from:min(len(want), i+200)])
				}
			})
		}
	}
}

// converse sends begin, whose reply does not count, and then in, in pieces, and returns what
// comes back.
func converse(t *testing.T, socket, begin string, in []byte) []byte {
	t.Helper()
	c := dial(t, "unix", socket)
	defer c.Close()
	const marker = "the end of the stream"
	if begin != "" {
		io.WriteString(c, begin+"ECHO "+asWord(marker)+"\r\n")
		c.until(marker)
	}
	go func() {
		for len(in) > 0 {
			n := min(len(in), 1+rand.IntN(1<<rand.IntN(14)))
			if _, err := c.Write(in[:n]); err != nil {
				return // the reader will find out
			}
			in = in[n:]
		}
		io.WriteString(c, "ECHO "+asWord(marker)+"\r\n")
	}()
	return c.until(marker)
}

func asWord(text string) string { return string(wire.AppendQuoted(nil, []byte(text))) }

// until reads up to a text.
func (c *client) until(marker string) (got []byte) {
	c.t.Helper()
	buf := make([]byte, 64<<10)
	for !bytes.HasSuffix(got, []byte(marker+"\r\n")) {
		n, err := c.Read(buf)
		if got = append(got, buf[:n]...); err != nil {
			c.t.Fatalf("%v after %q", err, got[max(0, len(got)-500):])
		}
	}
	return got
}

// What a subscriber, and one who publishes to itself, read is the same byte by byte.
func TestConformanceOfMessages(t *testing.T) {
	both := startBoth(t)
	for _, begin := range []string{"", "HELLO 3\r\n"} {
		got := map[string]string{}
		for name, socket := range both {
			subscriber, publisher := dial(t, "unix", socket), dial(t, "unix", socket)
			io.WriteString(subscriber, begin+"ECHO begin\r\n")
			subscriber.until("begin")
			io.WriteString(subscriber, "SUBSCRIBE a b\r\nPSUBSCRIBE p*\r\nUNSUBSCRIBE b c\r\nPING mark\r\n")
			out := string(subscriber.until("mark"))
			io.WriteString(publisher, "PUBLISH a 1\r\nPUBLISH b 2\r\nMULTI\r\nPUBLISH pq 3\r\nPUBLISH a \"x\\r\\ny\"\r\nEXEC\r\nECHO end\r\n")
			out += string(publisher.until("end"))
			io.WriteString(subscriber, "UNSUBSCRIBE\r\nPUNSUBSCRIBE\r\nPING mark\r\n")
			out += string(subscriber.until("mark"))
			if begin != "" { // RESP3 lets a subscriber do anything
				io.WriteString(subscriber, "SUBSCRIBE own\r\nPUBLISH own 1\r\nGET none\r\nECHO mark\r\n")
				out += string(subscriber.until("mark"))
			}
			got[name] = out
		}
		if got["nubdb"] != got["redis"] {
			t.Errorf("after %q:\n got %q\nwant %q", begin, got["nubdb"], got["redis"])
		}
	}
}

// redis-cli prints the same of both servers, in each of its formats.
func TestRedisCLI(t *testing.T) {
	const commands = "SET a 1\nGET a\nGET none\nMSET b x c \"two words\"\nMGET a b none c\nINCR b\nFOO\nMULTI\nINCR a\nGET b\nEXEC\n" +
		"DEL a b c\nSET bin \"\\x00\\xff\\n\"\nGET bin\nEXISTS bin\nOBJECT ENCODING none\nINCRBYFLOAT f 3.1\nSET \"a\nPING\n"
	both := startBoth(t)
	for _, flags := range [][]string{nil, {"--raw"}, {"--no-raw"}, {"--csv"}, {"--json"}, {"-3"}, {"-3", "--no-raw"}, {"-3", "--csv"}, {"-3", "--json"}, {"--quoted-input", "--no-raw"}} {
		got := map[string]string{}
		for name, socket := range both {
			cli := exec.Command("redis-cli", append([]string{"-s", socket}, flags...)...)
			cli.Stdin = strings.NewReader("FLUSHALL\n" + commands)
			out, err := cli.CombinedOutput()
			if err != nil {
				t.Errorf("%v: %v", flags, err)
			}
			got[name] = string(out)
		}
		if got["nubdb"] != got["redis"] || !strings.Contains(got["nubdb"], "PONG") {
			t.Errorf("%v:\n got %q\nwant %q", flags, got["nubdb"], got["redis"])
		}
	}
}

// redis-benchmark runs through, with and without pipelines.
func TestRedisBenchmark(t *testing.T) {
	socket := filepath.Join(redistest.ShortDir(t), "sock")
	start(t, func(c *Config) { c.TCP, c.UnixSocket = false, socket })
	for _, pipeline := range []string{"1", "32"} {
		load := exec.Command("redis-benchmark", "-s", socket, "-q", "-n", "2000", "-c", "20", "-P", pipeline, "-r", "1000",
			"-t", "ping_inline,ping_mbulk,set,get,incr,mset")
		out, err := load.CombinedOutput()
		if n := strings.Count(string(out), "requests per second"); err != nil || n != 6 || strings.Contains(string(out), "rror") {
			t.Errorf("pipeline %s: %v\n%s", pipeline, err, out)
		}
	}
}
