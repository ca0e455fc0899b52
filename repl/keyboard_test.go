package repl

import (
	"io"
	"os"
	"strings"
	"testing"
)

// typed returns the keys that a reader of the keyboard gets when text is typed.
func typed(t *testing.T, text string) (keys []string, k *keyboard) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	io.WriteString(w, text)
	w.Close()
	if k, err = newKeyboard(r); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 4096)
	for {
		n, err := k.Read(p)
		if err == io.EOF {
			return keys, k
		}
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, string(p[:n]))
	}
}

func TestKeys(t *testing.T) {
	for _, test := range []struct{ name, typed, want string }{
		{"characters come one by one", "aé日🙂", "a|é|日|🙂"},
		{"a byte that is not UTF-8", "a\xffb", "a|\xff|b"},
		{"the end of a line is a key", "a\rb\n", "a|\r|b|\n"},
		{"NUL would be the end of the input", "a\x00b", "a|b"},
		{"control characters that readline would insert", "a\x0f\x11\x16\x18\x1c\x1fb\u0085", "a|b"},
		{"those that it knows", "\x01\x05\x12\x7f", "\x01|\x05|\x12|\x7f"},
		{"Ctrl-Z is not for readline", "a\x1ab", "a|\ufdd1|b"},
		{"characters that stand for keys", "a\ufdd0\ufdd1b", "a|b"},
		{"Home and End of tmux", "\x1b[1~\x1b[4~", "\x01|\x05"},
		{"Home and End of xterm", "\x1b[H", "\x1b|[|H"},
		{"Ctrl with an arrow", "\x1b[1;5D\x1b[1;5C", "\x1bb|\x1bf"},
		{"Alt-b", "\x1bb", "\x1b|b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			keys, _ := typed(t, test.typed)
			if got := strings.Join(keys, "|"); got != test.want {
				t.Errorf("keys %q, want %q", got, test.want)
			}
		})
	}
}

// A paste is one key, TABs included, up to its line end.
func TestPaste(t *testing.T) {
	text := "SET k {\"a\":\t\"" + strings.Repeat("日", 20) + "\"}"
	keys, k := typed(t, text+"\rGET k\r")
	if got, want := strings.Join(keys, "|"), string(pasteKey)+"|\r|G|E|T| |k|\r"; got != want {
		t.Errorf("keys %q, want %q", got, want)
	}
	if got := string(<-k.pastes); got != text {
		t.Errorf("pasted %q, want %q", got, text)
	}
}

// What the terminal marks as pasted is one key whatever it is, and enters nothing.
func TestMarkedPaste(t *testing.T) {
	for _, test := range []struct{ pasted, want string }{
		{"GET a", "GET a"},
		{"GET a\r", "GET a"},
		{"SET a <<E\r\nx\r\n\ty\rE\n\n", "SET a <<E\nx\n\ty\nE"},
		{"a\x03\x1b[31mb\x00c\ufdd0", "a[31mbc"},
		{strings.Repeat("日本\r", 5000), strings.TrimSpace(strings.Repeat("日本\n", 5000))},
	} {
		keys, k := typed(t, "x"+pasteBegin+test.pasted+pasteEnd+"y\r")
		if got, want := strings.Join(keys, "|"), "x|"+string(pasteKey)+"|y|\r"; got != want {
			t.Errorf("keys %q, want %q", got, want)
		}
		if got := string(<-k.pastes); got != test.want {
			t.Errorf("pasted %q, want %q", got, test.want)
		}
	}
	if keys, _ := typed(t, pasteBegin+"\r"+pasteEnd+"y"); strings.Join(keys, "|") != "y" {
		t.Errorf("nothing was pasted, and the keys are %q", keys)
	}
}

func TestPasteOfKeys(t *testing.T) {
	keys, _ := typed(t, strings.Repeat("x", minPaste)+"\ufdd0\ufdd1\x1a\x00")
	if got, want := strings.Join(keys, "|"), "\ufdd0|\ufdd1"; got != want {
		t.Errorf("keys %q, want %q: the paste and Ctrl-Z", got, want)
	}
}

func TestCtrlD(t *testing.T) {
	_, k := typed(t, "\x1b[3~")
	if k.isEnd() {
		t.Error("the Delete key was taken for Ctrl-D")
	}
	_, k = typed(t, "\x04")
	if !k.isEnd() || k.isEnd() {
		t.Error("Ctrl-D must be said once")
	}
}

// A reader that waits for a key is woken by Close and by interrupt.
func TestWake(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	k, err := newKeyboard(r)
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 8)
	go k.interrupt()
	if n, err := k.Read(p); err != nil || string(p[:n]) != "\x03" {
		t.Errorf("after interrupt: %q, %v; want Ctrl-C", p[:n], err)
	}
	go k.Close()
	if n, err := k.Read(p); err != io.EOF {
		t.Errorf("after Close: %q, %v; want EOF", p[:n], err)
	}
}
