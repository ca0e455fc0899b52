package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What the servers are asked: so many commands by serverClients connections, each sending
// as many at once as the pipeline says, with keys drawn from serverKeys.
const (
	serverClients = 50
	serverKeys    = 100_000
	serverRounds  = 7
)

var pipelines = []struct {
	depth, commands int
	goal            float64 // at most this part of redis-server's processor time
}{{1, 200_000, 0.95}, {16, 1_500_000, 0.55}, {100, 3_000_000, 0.45}}

// server measures the processor time that a server takes for a command, next to
// redis-server under the same load, both with a log that is synced every second.
func server(b *bench) error {
	redis, err := b.startServer("redis-server", func(port string) []string {
		return []string{"redis-server", "--port", port, "--save", "", "--appendonly", "yes", "--appendfsync", "everysec", "--dir", b.dir}
	})
	if err != nil {
		return err
	}
	defer redis.end()
	nubdb, err := b.startServer("nubdb", func(port string) []string {
		return []string{b.nubdb, "--server", port, "-d", b.path("server.db")}
	})
	if err != nil {
		return err
	}
	defer nubdb.end()
	for _, p := range pipelines {
		for _, command := range []string{"set", "get"} {
			var ours, theirs []float64
			for round := range serverRounds + 1 {
				r, err := redis.perCommand(command, p.depth, p.commands)
				if err != nil {
					return err
				}
				n, err := nubdb.perCommand(command, p.depth, p.commands)
				if err != nil {
					return err
				}
				if round > 0 {
					ours, theirs = append(ours, n), append(theirs, r)
				}
			}
			slices.Sort(ours)
			slices.Sort(theirs)
			us, them := ours[len(ours)/2], theirs[len(theirs)/2]
			b.print("server    %s, pipeline %3d: %.2f us of processor time a command, redis-server %.2f; %.2f times (goal: at most %.2f)",
				strings.ToUpper(command), p.depth, us, them, us/them, p.goal)
		}
	}
	return nil
}

// running is a server that was started.
type running struct {
	*exec.Cmd
	port string
}

// startServer starts a server on a free port and waits until it answers.
func (b *bench) startServer(name string, args func(port string) []string) (*running, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	line := args(port)
	cmd := exec.Command(line[0], line[1:]...)
	log, err := os.Create(b.path(name + ".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	for range 100 {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			defer conn.Close()
			fmt.Fprint(conn, "PING\r\n")
			_, err = bufio.NewReader(conn).ReadString('\n')
			return &running{cmd, port}, err
		}
		time.Sleep(50 * time.Millisecond)
	}
	cmd.Process.Kill()
	cmd.Wait()
	return nil, fmt.Errorf("%s does not answer, see %s", name, log.Name())
}

func (r *running) end() {
	r.Process.Signal(os.Interrupt)
	r.Wait()
}

// perCommand returns the processor time in microseconds that the server took for each
// command of a load.
func (r *running) perCommand(command string, pipeline, n int) (float64, error) {
	before, err := r.processorTime()
	if err != nil {
		return 0, err
	}
	load := exec.Command("redis-benchmark", "-p", r.port, "-q", "-t", command, "-n", strconv.Itoa(n),
		"-c", strconv.Itoa(serverClients), "-P", strconv.Itoa(pipeline), "-r", strconv.Itoa(serverKeys))
	if out, err := load.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%w: %s", err, out)
	}
	after, err := r.processorTime()
	return float64((after - before).Nanoseconds()) / 1e3 / float64(n), err
}

// processorTime is what the server has taken so far, with children that have ended, in
// steps of 10 ms.
func (r *running) processorTime() (time.Duration, error) {
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(r.Process.Pid), "stat"))
	if err != nil {
		return 0, err
	}
	// The name of the program, in parentheses, may hold blanks.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	sum := 0
	for _, field := range fields[11:15] { // user, system, and those of children, which rewrite redis-server's log
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return time.Duration(sum) * tick, nil
}
