package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/nubdb/nubdb"

// layers are the project's packages from top to bottom. A package imports only what is
// below it: main -> repl, batch, server -> remote -> command -> wire, engine -> engine/vfs.
var layers = [][]string{
	{"", "/bench"}, // the programs
	{"/repl", "/batch", "/server"},
	{"/remote"},
	{"/command"},
	{"/command/redistest"}, // for tests
	{"/wire", "/engine"},
	{"/engine/vfs"},
}

// libraries are what each package may use beside the standard library: it alone, if a
// package is not here.
var libraries = map[string][]string{
	"":            {"github.com/mattn/go-isatty", "github.com/spf13/pflag"},
	"/repl":       {"github.com/chzyer/readline", "github.com/mattn/go-isatty", "golang.org/x/sys/unix"},
	"/batch":      {"github.com/mattn/go-isatty", "golang.org/x/sys/unix"},
	"/server":     {"golang.org/x/sys/unix"},
	"/remote":     {"golang.org/x/sys/unix"},
	"/bench":      {"github.com/creack/pty"},
	"/engine":     {"golang.org/x/sys/cpu"}, // which instruction computes CRC-32C
	"/engine/vfs": {"golang.org/x/sys/unix"},
}

// TestImportsRunOneWay asks `go list` for every arrow between packages, on each system
// that the project is built for, tests not counted.
func TestImportsRunOneWay(t *testing.T) {
	for _, system := range []string{"linux", "darwin", "freebsd"} {
		t.Run(system, func(t *testing.T) {
			for from, imports := range importsOn(t, system) {
				if layer(from) < 0 {
					t.Errorf("%s has no layer", module+from)
				}
				for _, to := range imports {
					if why := forbidden(from, to); why != "" {
						t.Errorf("%s imports %s: %s", module+from, to, why)
					}
				}
			}
		})
	}
}

// forbidden tells why a package of ours must not import another; "" if it may.
func forbidden(from, to string) string {
	ours, ok := strings.CutPrefix(to, module)
	switch {
	case !ok && !strings.Contains(to, "."): // of the standard library
		return ""
	case !ok && !slices.Contains(libraries[from], to):
		return "this package is to do without"
	case !ok:
		return ""
	case layer(from) < 0 || layer(ours) < 0:
		return "one of them has no layer"
	case layer(from) >= layer(ours):
		return "it is not below"
	case ours == "/engine/vfs" && from != "/engine":
		return "only the engine touches files"
	}
	return ""
}

// layer is the number of a package's layer from the top, -1 if it has none.
func layer(pkg string) int {
	return slices.IndexFunc(layers, func(l []string) bool { return slices.Contains(l, pkg) })
}

// importsOn lists what each package of ours imports when built for a system.
func importsOn(t *testing.T, system string) map[string][]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-pgo=off", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "./...")
	cmd.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	imports := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		imports[strings.TrimPrefix(words[0], module)] = words[1:]
	}
	return imports
}

func TestForbidden(t *testing.T) {
	for _, c := range []struct {
		from, to string
		ok       bool
	}{
		{"", module + "/batch", true},
		{"/batch", module + "/engine", true},
		{"/engine", module + "/engine/vfs", true},
		{"/wire", "fmt", true},
		{"/wire", "encoding/json", true},
		{"/engine", module + "/wire", false},
		{"/wire", module + "/engine", false},
		{"/batch", module + "/repl", false},
		{"/batch", module + "/engine/vfs", false},
		{"/engine", module + "/command", false},
		{"/engine", module, false},
		{"/unknown", module + "/wire", false},
		{"/wire", "golang.org/x/sys/unix", false},
		{"/engine", "github.com/chzyer/readline", false},
	} {
		if why := forbidden(c.from, c.to); (why == "") != c.ok {
			t.Errorf("%s -> %s: allowed is not %v: %q", c.from, c.to, c.ok, why)
		}
	}
}
