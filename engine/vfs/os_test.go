package vfs

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	must(t, OS.Mkdir(dir))
	file := filepath.Join(dir, "f")
	write(t, OS, file, "").Close()
	l, err := OS.Lock(filepath.Join(dir, "LOCK"), false, 0, nil)
	must(t, err)
	defer l.Close()
	for name, want := range map[string]fs.FileMode{dir: 0o700, file: 0o600, filepath.Join(dir, "LOCK"): 0o600} {
		st, err := os.Stat(name)
		must(t, err)
		if got := st.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
}

func TestCloseOnExec(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	f := write(t, OS, name, "").(*osFile)
	defer f.Close()
	l, err := OS.Lock(name, false, 0, nil)
	must(t, err)
	defer l.Close()
	for what, fd := range map[string]int{"file": f.fd, "lock": l.(*osLock).fd} {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		must(t, err)
		if flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("a child inherits the %s", what)
		}
	}
}

func TestAllocateTakesSpace(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reserving is best effort elsewhere")
	}
	f := write(t, OS, filepath.Join(t.TempDir(), "f"), "").(*osFile)
	defer f.Close()
	must(t, f.Allocate(0, 1<<20))
	var st unix.Stat_t
	must(t, unix.Fstat(f.fd, &st))
	if st.Blocks*512 < 1<<20 {
		t.Errorf("%d bytes on the disk", st.Blocks*512)
	}
}

// TestWriteZeros is what Allocate does where the file system cannot reserve.
func TestWriteZeros(t *testing.T) {
	f := write(t, OS, filepath.Join(t.TempDir(), "f"), "abc").(*osFile)
	defer f.Close()
	must(t, f.writeZeros(3, 200000))
	if got := read(t, f); got != "abc"+string(make([]byte, 199997)) {
		t.Errorf("%d bytes, at first %q", len(got), got[:4])
	}
}

// TestFullDisk fills a small file system, which it mounts in a name space of its own. Where
// that is not allowed there is nothing to fill.
func TestFullDisk(t *testing.T) {
	dir := os.Getenv("VFS_TEST_FULL")
	if dir == "" {
		mount := exec.Command("unshare", "-rm", "sh", "-c", `mount -t tmpfs -o size=1m none "$VFS_TEST_FULL" && echo mounted && exec "$0" -test.run='^TestFullDisk$'`, os.Args[0])
		mount.Env = append(os.Environ(), "VFS_TEST_FULL="+t.TempDir())
		out, err := mount.CombinedOutput()
		if err != nil && strings.HasPrefix(string(out), "mounted") {
			t.Error(string(out))
		}
		return
	}
	name := filepath.Join(dir, "f")
	f := write(t, OS, name, "abc")
	defer os.Remove(name)
	defer f.Close()
	wantErr(t, f.Allocate(0, 1<<30), unix.ENOSPC)
	if got := read(t, f); got != "abc" {
		t.Errorf("%d bytes after a full disk", len(got))
	}
	n, err := f.WriteAt(make([]byte, 1<<30), 0)
	wantErr(t, err, unix.ENOSPC)
	if size, _ := f.Size(); int64(n) != size {
		t.Errorf("%d bytes written, the file has %d", n, size)
	}
}

// Errors of a lock that cannot be had say why.
func TestLockWithoutPermission(t *testing.T) {
	if os.Getuid() == 0 {
		runAsNobody(t) // root may do anything
		return
	}
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o500))
	_, err := OS.Lock(filepath.Join(dir, "LOCK"), true, 0, nil)
	wantErr(t, err, fs.ErrPermission)

	must(t, os.Chmod(dir, 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "LOCK"), nil, 0o400))
	l, err := OS.Lock(filepath.Join(dir, "LOCK"), true, 0, nil)
	must(t, err)
	l.Close()
}

// runAsNobody runs the test once more in a process of a user without rights.
func runAsNobody(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	program, err := os.ReadFile(os.Args[0])
	must(t, err)
	copied := filepath.Join(dir, "test")
	must(t, os.WriteFile(copied, program, 0o755))
	const nobody = 65534
	cmd := exec.Command(copied, "-test.run=^"+t.Name()+"$")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	cmd.Dir = "/"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
