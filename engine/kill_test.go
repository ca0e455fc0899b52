package engine

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// processEnv makes the test binary one of the processes of a test.
const processEnv = "NUBDB_TEST_PROCESS"

func TestMain(m *testing.M) {
	args := strings.Fields(os.Getenv(processEnv))
	if len(args) == 0 {
		os.Exit(m.Run())
	}
	process := map[string]func(args []string) error{"ledger": ledgerProcess, "counter": counterProcess}[args[0]]
	if err := process(args[1:]); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

// startProcess starts one and returns what it prints, line by line.
func startProcess(t testing.TB, args ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), processEnv+"="+strings.Join(args, " "))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// The ledger of TestKill: transaction i is always the same and leaves its number in the
// database.
const ledgerKey = "ledger"

var ledgerKeys = func() (keys []string) {
	for i := range 300 {
		keys = append(keys, "key:"+strconv.Itoa(i))
	}
	return keys
}

func ledgerOps(seed uint64, i int) []op {
	r := rand.New(rand.NewPCG(seed, uint64(i)))
	ops := randomOps(r, ledgerKeys(), 1+r.IntN(6), 1)
	return append(ops, op{key: ledgerKey, item: Item{Type: TypeString, Value: strconv.AppendInt(nil, int64(i), 10)}})
}

func ledgerOptions() Options {
	return Options{Clock: func() int64 { return 1 }, tuning: small}
}

// ledgerProcess goes on with the ledger in a directory and prints the numbers of the
// transactions that it knows to be safe from kill -9: by Sync, or by Flush.
func ledgerProcess(args []string) error {
	dir, how := args[0], args[1]
	seed, _ := strconv.ParseUint(args[2], 10, 64)
	fmt.Println("opening")
	db, err := Open(dir, ledgerOptions())
	if err != nil {
		return err
	}
	acknowledge := db.Sync
	if how == "flush" {
		acknowledge = db.Flush
	}
	i, err := ledgerNumber(db)
	for err == nil {
		i++
		if err = (&step{ops: ledgerOps(seed, i)}).transact(db, new(progress)); err == nil && i%3 != 0 {
			err = acknowledge()
			fmt.Println(i)
		}
	}
	return err
}

// ledgerNumber is the number of the last transaction in the database.
func ledgerNumber(db *DB) (int, error) {
	tx, err := db.Begin(false)
	if err != nil {
		return 0, err
	}
	defer tx.Commit()
	it, ok, err := item(tx, []byte(ledgerKey))
	if err != nil || !ok {
		return 0, err
	}
	return strconv.Atoi(string(it.Value))
}

// TestKill kills a process that writes at random times, again and again, and compares
// what it left with what it had acknowledged.
func TestKill(t *testing.T) {
	seed := firstSeed()
	r := rand.New(rand.NewPCG(seed, 10))
	dir := t.TempDir() + "/db"
	m := &model{items: map[string]Item{}, now: 1}
	written := 0 // transactions that m holds
	for round := range count(50, 10_000) {
		how := []string{"sync", "flush"}[round%2]
		cmd, lines := startProcess(t, "ledger", dir, how, strconv.FormatUint(seed, 10))
		last := written
		for range r.IntN(200) * r.IntN(2) { // half of them die while they open the database
			if !lines.Scan() {
				break
			}
			last = max(last, acknowledged(t, lines.Text()))
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what it still had said before it died
			last = max(last, acknowledged(t, lines.Text()))
		}
		cmd.Wait() // says that it was killed
		written = checkLedger(at{t, fmt.Sprintf("seed %d, round %d", seed, round)}, dir, m, seed, written, last)
	}
}

func acknowledged(t testing.TB, line string) int {
	if line == "opening" {
		return 0
	}
	i, err := strconv.Atoi(line)
	if err != nil {
		t.Fatalf("the process says %q", line)
	}
	return i
}

// checkLedger checks the database that a killed process left: m is what was in it when
// there were written transactions, and there must be last or more now.
func checkLedger(t at, dir string, m *model, seed uint64, written, last int) int {
	t.Helper()
	db, err := Open(dir, ledgerOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	n, err := ledgerNumber(db)
	if err != nil || n < last {
		t.Fatalf("%d transactions, %v; %d were acknowledged", n, err, last)
	}
	for i := written + 1; i <= n; i++ {
		m.apply(ledgerOps(seed, i))
	}
	m.check(t, db)
	verify(t, db)
	return n
}

// TestProcesses lets several processes add to a counter at the same time, each opening
// and closing the database for every addition.
func TestProcesses(t *testing.T) {
	const processes, additions = 8, 200
	dir := t.TempDir() + "/db"
	var wait []func() error
	for range processes {
		cmd, lines := startProcess(t, "counter", dir, strconv.Itoa(additions))
		wait = append(wait, func() error {
			for lines.Scan() {
				t.Error("a process says:", lines.Text())
			}
			return cmd.Wait()
		})
	}
	for _, w := range wait {
		if err := w(); err != nil {
			t.Error(err)
		}
	}
	db, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if n, err := ledgerNumber(db); n != processes*additions || err != nil {
		t.Errorf("%d additions, %v; want %d", n, err, processes*additions)
	}
	verify(t, db)
}

// counterProcess adds 1 to the number in the ledger, so many times.
func counterProcess(args []string) error {
	times, err := strconv.Atoi(args[1])
	for i := 0; i < times && err == nil; i++ {
		err = addOne(args[0])
	}
	return err
}

func addOne(dir string) error {
	db, err := Open(dir, Options{LockTimeout: time.Minute})
	if err != nil {
		return err
	}
	tx, err := db.Begin(true)
	if err != nil {
		return err
	}
	it, _, err := item(tx, []byte(ledgerKey))
	n, _ := strconv.Atoi(string(it.Value))
	if err == nil {
		err = tx.Put([]byte(ledgerKey), Item{Type: TypeString, Value: strconv.AppendInt(nil, int64(n+1), 10)})
	}
	return errors.Join(err, tx.Commit(), db.Close())
}
