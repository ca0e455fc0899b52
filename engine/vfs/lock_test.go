package vfs

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

const soon = time.Minute // a safety net, never waited for

func TestLock(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		name := filepath.Join(dir, "LOCK")
		lock := func(shared bool) io.Closer {
			t.Helper()
			// It may have to wait: who gave up in vain still gets it for a moment.
			l, err := fsys.Lock(name, shared, soon, nil)
			must(t, err)
			return l
		}
		refused := func(shared bool, wait time.Duration) {
			t.Helper()
			_, err := fsys.Lock(name, shared, wait, nil)
			wantErr(t, err, ErrLocked)
		}
		l := lock(false)
		refused(false, 0)
		refused(true, time.Millisecond)
		must(t, l.Close())

		a, b := lock(true), lock(true)
		refused(false, time.Millisecond)
		must(t, a.Close())
		refused(false, 0)
		must(t, b.Close())

		must(t, lock(false).Close())
		if _, err := fsys.OpenFile(name, os.O_RDONLY); err != nil {
			t.Errorf("the lock file is gone: %v", err)
		}
		if _, err := fsys.Lock(filepath.Join(dir, "no", "LOCK"), false, soon, nil); err == nil {
			t.Error("locked in a directory that is not there")
		}
	})
}

// awaitWaiters returns when n wait for the lock of a file.
func awaitWaiters(t *testing.T, fsys FS, name string, n int) {
	t.Helper()
	if fsys == OS && runtime.GOOS != "linux" {
		t.Skip("only Linux tells who waits")
	}
	deadline := time.Now().Add(soon)
	for waiting(t, fsys, name) != n {
		if runtime.Gosched(); time.Now().After(deadline) {
			t.Fatalf("%d wait for the lock, want %d", waiting(t, fsys, name), n)
		}
	}
}

func waiting(t *testing.T, fsys FS, name string) int {
	t.Helper()
	f, err := fsys.OpenFile(name, os.O_RDONLY)
	must(t, err)
	defer f.Close()
	for {
		switch file := f.(type) {
		case *faultFile:
			f = file.File
		case *crashFile:
			f = file.memFile
		case *memFile:
			file.node.lock.mu.Lock()
			defer file.node.lock.mu.Unlock()
			return len(file.node.lock.waiters)
		default:
			return blocked(t, name) + blocked(t, name+queueSuffix)
		}
	}
}

// blocked is the number of calls of flock that wait for the lock of a file.
func blocked(t *testing.T, name string) (n int) {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Stat(name, &st))
	locks, err := os.ReadFile("/proc/locks")
	must(t, err)
	for line := range strings.Lines(string(locks)) {
		if strings.Contains(line, "-> FLOCK") && strings.Contains(line, fmt.Sprintf(":%d ", st.Ino)) {
			n++
		}
	}
	return n
}

func TestLockWaits(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		name := filepath.Join(dir, "LOCK")
		l, err := fsys.Lock(name, false, 0, nil)
		must(t, err)
		const waiters = 3
		done := make(chan error)
		for range waiters {
			go func() {
				l, err := fsys.Lock(name, false, soon, nil)
				done <- err
				if err == nil {
					l.Close()
				}
			}()
		}
		awaitWaiters(t, fsys, name, waiters)
		// One that gives up must not come to hold the lock later.
		_, err = fsys.Lock(name, false, time.Millisecond, nil)
		wantErr(t, err, ErrLocked)
		select {
		case err := <-done:
			t.Fatalf("two hold the lock, or one gave up: %v", err)
		default:
		}
		must(t, l.Close())
		for range waiters {
			must(t, <-done)
		}
		l, err = fsys.Lock(name, false, soon, nil)
		must(t, err)
		must(t, l.Close())
	})
}

// Whoever waits is served in the order of arrival.
func TestLockOrder(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		name := filepath.Join(dir, "LOCK")
		l, err := fsys.Lock(name, false, 0, nil)
		must(t, err)
		const waiters = 5
		served := make(chan int, waiters)
		for i := range waiters {
			go func() {
				l, err := fsys.Lock(name, false, soon, nil)
				if err != nil {
					i = -1
				}
				served <- i
				l.Close()
			}()
			awaitWaiters(t, fsys, name, i+1)
		}
		must(t, l.Close())
		for want := range waiters {
			if got := <-served; got != want {
				t.Fatalf("%d was served when it was the turn of %d", got, want)
			}
		}
	})
}

// The owner is told that somebody waits, and once it lets go it does not get the lock
// again before whoever has waited for it.
func TestLockIsHandedOver(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		name := filepath.Join(dir, "LOCK")
		l, err := fsys.Lock(name, false, 0, nil)
		must(t, err)
		for range 20 {
			if l.Wanted() {
				t.Fatal("wanted by nobody")
			}
			next := make(chan Lock)
			go func() {
				l, _ := fsys.Lock(name, false, soon, nil)
				next <- l
			}()
			awaitWaiters(t, fsys, name, 1)
			if !l.Wanted() {
				t.Fatal("nobody wants it while somebody waits")
			}
			must(t, l.Close())
			again := make(chan error)
			go func() {
				l, err := fsys.Lock(name, false, soon, nil)
				if err == nil {
					l.Close()
				}
				again <- err
			}()
			select {
			case l = <-next:
			case <-again:
				t.Fatal("the last owner got it ahead of who waited")
			}
			must(t, l.Close())
			must(t, <-again)
			l, err = fsys.Lock(name, false, soon, nil)
			must(t, err)
		}
		must(t, l.Close())
	})
}

// Whoever waits is asked whether it gives up, at once and again and again.
func TestLockGivesUp(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		name := filepath.Join(dir, "LOCK")
		asked := 0
		giveUpAt := func(n int) func() bool {
			asked = 0
			return func() bool { asked++; return asked == n }
		}
		l, err := fsys.Lock(name, false, 0, giveUpAt(1))
		must(t, err)
		if asked > 0 {
			t.Error("asked although the lock was free")
		}
		for _, n := range []int{1, 3} {
			_, err = fsys.Lock(name, false, soon, giveUpAt(n))
			wantErr(t, err, ErrLocked)
			if asked != n {
				t.Errorf("asked %d times, want %d", asked, n)
			}
		}
		must(t, l.Close())
		l, err = fsys.Lock(name, false, soon, nil) // nobody who gave up keeps it
		must(t, err)
		must(t, l.Close())
	})
}

// A process that is stopped while it is next in turn keeps the lock from nobody for longer
// than they wait.
func TestStoppedWaiter(t *testing.T) {
	name := filepath.Join(t.TempDir(), "LOCK")
	queue, err := OS.Lock(name+queueSuffix, false, 0, nil) // as who is next in turn holds it
	must(t, err)
	defer queue.Close()
	l, err := OS.Lock(name, false, 10*time.Millisecond, nil)
	must(t, err)
	must(t, l.Close())
}

// TestLockOfReplacedFile waits for the lock of a file that is replaced meanwhile:
// the lock must be that of the new file, which another may hold.
func TestLockOfReplacedFile(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		name := filepath.Join(dir, "LOCK")
		old, err := fsys.Lock(name, false, 0, nil)
		must(t, err)
		waiter := make(chan error)
		go func() {
			l, err := fsys.Lock(name, false, soon, nil)
			waiter <- err
			if err == nil {
				l.Close()
			}
		}()
		awaitWaiters(t, fsys, name, 1)
		must(t, fsys.Remove(name))
		l, err := fsys.Lock(name, false, 0, nil)
		must(t, err)
		must(t, old.Close())
		awaitWaiters(t, fsys, name, 1) // it has moved on to the new file
		must(t, l.Close())
		must(t, <-waiter)
	})
}

func TestMemLockOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := NewMem()
		l, err := fsys.Lock("LOCK", false, 0, nil)
		must(t, err)
		served := make(chan string, 5)
		for i := range 5 {
			go func() {
				shared := i == 2 || i == 3
				l, err := fsys.Lock("LOCK", shared, time.Duration(i+1)*time.Second, nil)
				if err != nil {
					served <- fmt.Sprint(i, " gave up")
					return
				}
				served <- fmt.Sprint(i)
				if shared {
					time.Sleep(time.Second) // together with the other one
				}
				l.Close()
			}()
			synctest.Wait()
		}
		time.Sleep(2500 * time.Millisecond) // the first two give up
		start := time.Now()
		must(t, l.Close())
		var order []string
		for range 5 {
			order = append(order, <-served)
		}
		slices.Sort(order[2:4])
		if want := []string{"0 gave up", "1 gave up", "2", "3", "4"}; !slices.Equal(order, want) {
			t.Errorf("served in the order %q, want %q", order, want)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("the last was served after %v, want the second of those that share", took)
		}
	})
}

// TestMemLockPassesOn: who waits behind one that gives up may go.
func TestMemLockPassesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := NewMem()
		l, err := fsys.Lock("LOCK", true, 0, nil)
		must(t, err)
		defer l.Close()
		go func() {
			_, err := fsys.Lock("LOCK", false, time.Second, nil)
			wantErr(t, err, ErrLocked)
		}()
		synctest.Wait()
		start := time.Now()
		shared, err := fsys.Lock("LOCK", true, soon, nil)
		must(t, err)
		defer shared.Close()
		if took := time.Since(start); took != time.Second {
			t.Errorf("waited %v", took)
		}
	})
}

// TestLockHelper is no test but the second process of TestLockOfProcess: it holds
// the lock until its input ends.
func TestLockHelper(t *testing.T) {
	name := os.Getenv("VFS_TEST_LOCK")
	if name == "" {
		return
	}
	if _, err := OS.Lock(name, false, soon, nil); err != nil {
		t.Fatal(err)
	}
	fmt.Println("locked")
	io.Copy(io.Discard, os.Stdin)
}

// A process that is killed while it waits keeps the lock from nobody.
func TestDeadWaiter(t *testing.T) {
	name := filepath.Join(t.TempDir(), "LOCK")
	l, err := OS.Lock(name, false, 0, nil)
	must(t, err)
	cmd := exec.Command(os.Args[0], "-test.run=^TestLockHelper$")
	cmd.Env = append(os.Environ(), "VFS_TEST_LOCK="+name)
	must(t, cmd.Start())
	awaitWaiters(t, OS, name, 1)
	got := make(chan error)
	go func() {
		l, err := OS.Lock(name, false, soon, nil)
		if err == nil {
			err = l.Close()
		}
		got <- err
	}()
	awaitWaiters(t, OS, name, 2)
	must(t, cmd.Process.Kill())
	cmd.Wait()
	must(t, l.Close())
	must(t, <-got)
}

func TestLockOfProcess(t *testing.T) {
	name := filepath.Join(t.TempDir(), "LOCK")
	cmd := exec.Command(os.Args[0], "-test.run=^TestLockHelper$")
	cmd.Env = append(os.Environ(), "VFS_TEST_LOCK="+name)
	in, err := cmd.StdinPipe()
	must(t, err)
	defer in.Close()
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "locked\n" {
		t.Fatalf("helper says %q", line)
	}
	for _, wait := range []time.Duration{0, time.Millisecond, 2 * time.Millisecond} {
		_, err = OS.Lock(name, true, wait, nil)
		wantErr(t, err, ErrLocked)
	}
	got := make(chan error)
	for range 2 {
		go func() {
			l, err := OS.Lock(name, false, soon, nil)
			if err == nil {
				err = l.Close()
			}
			got <- err
		}()
	}
	must(t, cmd.Process.Kill()) // the kernel drops the lock
	cmd.Wait()
	must(t, <-got)
	must(t, <-got)
}
