package server

import (
	"bufio"
	"bytes"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nubdb/nubdb/command"
)

// metricsTime is how long a request for figures may take.
const metricsTime = 5 * time.Second

// metrics serves the figures of INFO in the text format of Prometheus. It understands just
// enough of HTTP for that: a package for all of it would cost every start of the program.
type metrics struct {
	server   *Server
	listener net.Listener
	all      sync.WaitGroup

	mu      sync.Mutex
	current net.Conn // the request under way, nil if there is none; guarded by mu
}

// startMetrics begins to serve figures, if the configuration says so.
func (s *Server) startMetrics() error {
	if s.cfg.Metrics == "" {
		return nil
	}
	l, err := net.Listen("tcp", s.cfg.Metrics)
	if err != nil {
		return err
	}
	s.metrics = &metrics{server: s, listener: l}
	s.log.Info("ready to serve figures", "address", l.Addr().String())
	s.metrics.all.Add(1)
	go s.metrics.run()
	return nil
}

// run answers one request after the other, since they come every few seconds.
func (m *metrics) run() {
	defer m.all.Done()
	for {
		conn, err := m.listener.Accept()
		if err != nil {
			return
		}
		m.setCurrent(conn)
		conn.SetDeadline(time.Now().Add(metricsTime))
		m.answer(conn)
		m.setCurrent(nil)
		conn.Close()
	}
}

func (m *metrics) setCurrent(conn net.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.current = conn
}

// answer reads a request to its end and answers it.
func (m *metrics) answer(conn net.Conn) {
	r := bufio.NewReaderSize(conn, 4096)
	first, err := r.ReadSlice('\n')
	if err != nil {
		return
	}
	wanted := bytes.HasPrefix(first, []byte("GET /metrics ")) || bytes.HasPrefix(first, []byte("GET / "))
	for line := first; len(bytes.TrimSpace(line)) > 0; {
		if line, err = r.ReadSlice('\n'); err != nil {
			return
		}
	}
	status, body := "404 Not Found", []byte("look at /metrics\n")
	if wanted {
		status, body = "200 OK", m.text()
	}
	head := "HTTP/1.1 " + status + "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nConnection: close\r\nContent-Length: " +
		strconv.Itoa(len(body)) + "\r\n\r\n"
	conn.Write(append([]byte(head), body...))
}

// text is the figures: for each number of INFO a line "nubdb_name number", and for each
// list of numbers, as "cmdstat_get:calls=1,usec=2", a line nubdb_cmdstat_calls{name="get"} 1.
func (m *metrics) text() []byte {
	session := m.server.instance.NewSession(command.Options{ReadOnly: true, Local: true})
	defer session.Close()
	info := session.Do([][]byte{[]byte("INFO"), []byte("everything")})
	var out []byte
	for line := range strings.Lines(string(info.Str)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			out = appendFigures(out, name, value)
		}
	}
	return out
}

func appendFigures(out []byte, name, value string) []byte {
	if isFigure(value) {
		return append(out, "nubdb_"+name+" "+value+"\n"...)
	}
	family, label, _ := strings.Cut(name, "_")
	if !strings.Contains(value, "=") || strings.ContainsAny(name, "\"\\") {
		return out
	}
	if label == "" { // db0
		family, label = "db", strings.TrimPrefix(family, "db")
	}
	for part := range strings.SplitSeq(value, ",") {
		if key, number, ok := strings.Cut(part, "="); ok && isFigure(number) {
			out = append(out, "nubdb_"+family+"_"+key+"{name=\""+label+"\"} "+number+"\n"...)
		}
	}
	return out
}

func isFigure(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil && strings.IndexFunc(text, func(r rune) bool { return r >= 'A' && r != 'e' && r != 'E' }) < 0
}

// close ends serving.
func (m *metrics) close() {
	m.listener.Close()
	m.mu.Lock()
	if m.current != nil {
		m.current.Close()
	}
	m.mu.Unlock()
	m.all.Wait()
}
