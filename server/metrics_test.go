package server

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestMetrics(t *testing.T) {
	s := start(t, func(c *Config) { c.Metrics = "127.0.0.1:0" })
	s.dial().exchange("SET a 1\nGET a\n", "+OK\n$1\n1\n")
	url := "http://" + s.metrics.listener.Addr().String()
	response, err := http.Get(url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(response.Status, err)
	}
	for _, line := range []string{"nubdb_connected_clients 1", `nubdb_cmdstat_calls{name="set"} 1`, `nubdb_db_keys{name="0"} 1`} {
		if !strings.Contains(string(body), line+"\n") {
			t.Errorf("no line %q in\n%s", line, body)
		}
	}
	for line := range strings.Lines(string(body)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); !ok || !isFigure(value) || !strings.HasPrefix(name, "nubdb_") {
			t.Errorf("%q is no figure", line)
		}
	}
	missing, err := http.Get(url + "/other")
	if err != nil {
		t.Fatal(err)
	}
	missing.Body.Close()
	if missing.StatusCode != http.StatusNotFound {
		t.Error(missing.Status)
	}
	http.DefaultClient.CloseIdleConnections()
}
