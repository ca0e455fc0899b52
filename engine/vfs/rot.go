package vfs

import (
	"fmt"
	"path"
	"slices"
)

// Files returns the names of all files, sorted, from the root.
func (c *Crash) Files() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	var walk func(dir string, n *node)
	walk = func(name string, n *node) {
		if n.entries == nil {
			names = append(names, name)
		}
		for base, child := range n.entries {
			walk(path.Join(name, base), child)
		}
	}
	walk("/", c.mem.root)
	slices.Sort(names)
	return names
}

// Bytes returns what a file holds; nil if there is no such file.
func (c *Crash) Bytes(name string) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := c.mem.lookup(name)
	if err != nil || n.entries != nil {
		return nil
	}
	b := make([]byte, n.content.length())
	n.content.copyOut(b, 0)
	return b
}

// Corrupt puts b in a file at off, on stable storage too where that was the same
// as what the process sees. It is no operation, and it panics if the file is not
// there or ends before.
func (c *Crash) Corrupt(name string, off int64, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := c.mem.lookup(name)
	if err != nil || n.content.length() < off+int64(len(b)) {
		panic(fmt.Sprintf("no bytes [%d, %d) in %s", off, off+int64(len(b)), name))
	}
	n.overwrite(b, off)
}

// FlipBit inverts a bit of a file, counted from the lowest of its first byte; see Corrupt.
func (c *Crash) FlipBit(name string, bit int64) {
	b := c.Bytes(name)
	if bit/8 >= int64(len(b)) {
		panic(fmt.Sprintf("no bit %d in %s", bit, name))
	}
	c.Corrupt(name, bit/8, []byte{b[bit/8] ^ 1<<(bit%8)})
}
