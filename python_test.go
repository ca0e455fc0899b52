package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// TestPythonPackage runs the tests of clients/python, which have those of its examples.
func TestPythonPackage(t *testing.T) {
	// A copy, so that go test knows which files the result depends on, and for what Python writes.
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("clients/python")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python(), "-W", "error", "-m", "unittest", "discover", "-t", ".", "-s", "tests")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(build(t))+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// python is the path of a Python that has redis-py and builds packages: of the one in PATH if
// it does, else of the system's.
var python = sync.OnceValue(func() string {
	const system = "/usr/bin/python3"
	path, err := exec.LookPath("python3")
	if err != nil || path != system && exec.Command(path, "-c", "import redis, setuptools, wheel").Run() != nil {
		return system
	}
	return path
})
