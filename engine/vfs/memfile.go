package vfs

import (
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// page is the unit in which the memory of a file is found.
type page [4096]byte

// content is what a file in memory holds: a table of pages. Pages never written
// are nil and read as zeros. Pages that have been mapped lie side by side in one
// extent, so that the mapping and the table show the same bytes.
type content struct {
	mu      sync.RWMutex // guards the rest, but not the bytes of mapped pages
	size    int64
	pages   []*page
	extents []*extent // all that pages point into; they do not overlap
}

// extent is a range of a file that has been mapped. Its memory comes from the
// kernel, not from the heap: a large range costs nothing before it is touched.
// It goes back when neither the file nor a mapping refers to the extent.
type extent struct {
	off, n int64
	data   []byte
	maps   int // mappings not yet unmapped
}

func newExtent(off, n int64) (*extent, error) {
	data, err := unix.Mmap(-1, 0, pageCount(n)*len(page{}), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, err
	}
	x := &extent{off: off, n: n, data: data}
	runtime.AddCleanup(x, func(data []byte) { _ = unix.Munmap(data) }, data)
	return x, nil
}

func (x *extent) overlaps(off, n int64) bool { return x.off < off+n && off < x.off+x.n }

// pageCount is the number of pages that hold size bytes.
func pageCount(size int64) int { return int((size + int64(len(page{})) - 1) / int64(len(page{}))) }

// span returns the rest of the page that holds off; nil if it was never written.
func (c *content) span(off int64) (b []byte, left int) {
	i, skip := int(off/int64(len(page{}))), int(off%int64(len(page{})))
	left = len(page{}) - skip
	if i < len(c.pages) && c.pages[i] != nil {
		b = c.pages[i][skip:]
	}
	return b, left
}

// copyOut reads bytes wherever the end of the file is; beyond it they are zero.
func (c *content) copyOut(p []byte, off int64) {
	for len(p) > 0 {
		b, left := c.span(off)
		n := min(left, len(p))
		if b == nil {
			clear(p[:n])
		} else {
			copy(p[:n], b)
		}
		p, off = p[n:], off+int64(n)
	}
}

// copyIn writes bytes and leaves the size alone.
func (c *content) copyIn(p []byte, off int64) {
	c.growTable(off + int64(len(p)))
	for len(p) > 0 {
		i := int(off / int64(len(page{})))
		if c.pages[i] == nil {
			c.pages[i] = new(page)
		}
		b, _ := c.span(off)
		n := copy(b, p)
		p, off = p[n:], off+int64(n)
	}
}

func (c *content) growTable(size int64) {
	if n := pageCount(size); n > len(c.pages) {
		c.pages = append(c.pages, make([]*page, n-len(c.pages))...)
	}
}

func (c *content) readAt(p []byte, off int64) (int, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	n := int(min(int64(len(p)), max(0, c.size-off)))
	c.copyOut(p[:n], off)
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (c *content) writeAt(p []byte, off int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.copyIn(p, off)
	if len(p) > 0 {
		c.size = max(c.size, off+int64(len(p)))
	}
}

func (c *content) length() int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.size
}

// extend makes the file size bytes long if it is shorter.
func (c *content) extend(size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.size = max(c.size, size)
}

func (c *content) truncate(size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.size = size
	rest, _ := c.span(size) // of the last page
	clear(rest)
	for i := pageCount(size); i < len(c.pages); i++ {
		p, off := c.pages[i], int64(i*len(page{}))
		if !slices.ContainsFunc(c.extents, func(x *extent) bool { return x.overlaps(off, 1) }) {
			c.pages[i] = nil
		} else if *p != (page{}) { // clearing a page that was never touched would make it take memory
			clear(p[:])
		}
	}
}

// mapRange returns the extent of exactly this range, made if need be. An
// overlapping one must not be mapped any more: the two could not share memory.
func (c *content) mapRange(off, n int64) (*extent, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, x := range c.extents {
		if x.off == off && x.n == n {
			x.maps++
			return x, nil
		}
		if x.maps > 0 && x.overlaps(off, n) {
			return nil, syscall.EINVAL
		}
	}
	x, err := newExtent(off, n)
	if err != nil {
		return nil, err
	}
	c.dissolve(off, n)
	c.growTable(off + n)
	for i := range pageCount(n) {
		p, now := (*page)(x.data[i*len(page{}):]), &c.pages[int(off)/len(page{})+i]
		if *now != nil {
			*p = **now
		}
		*now = p
	}
	c.extents = append(c.extents, x)
	x.maps++
	return x, nil
}

// dissolve puts the pages of extents that overlap a range on the heap.
func (c *content) dissolve(off, n int64) {
	c.extents = slices.DeleteFunc(c.extents, func(x *extent) bool {
		if !x.overlaps(off, n) {
			return false
		}
		for i := range pageCount(x.n) {
			at := &c.pages[int(x.off)/len(page{})+i]
			if p := **at; p == (page{}) {
				*at = nil
			} else {
				*at = &p
			}
		}
		return true
	})
}

func (c *content) unmap(x *extent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x.maps--
}

// memFile is an open file of a Mem.
type memFile struct {
	node     *node
	name     string
	device   uint64
	writable bool
	closed   atomic.Bool
}

// maxMemFile is the size of the largest file in memory, in bytes.
const maxMemFile = 1 << 42

// check tells why an operation on [off, off+n) cannot be done with this open file.
func (f *memFile) check(op string, change bool, off, n int64) error {
	var err error
	switch {
	case f.closed.Load():
		err = os.ErrClosed
	case change && !f.writable:
		err = syscall.EBADF
	case f.node.entries != nil && op == "read":
		err = syscall.EISDIR
	case off < 0 || n < 0:
		err = syscall.EINVAL
	case off > maxMemFile || n > maxMemFile-off:
		err = syscall.EFBIG
	default:
		return nil
	}
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.check("read", false, off, 0); err != nil {
		return 0, err
	}
	return f.node.content.readAt(p, off)
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.check("write", true, off, int64(len(p))); err != nil {
		return 0, err
	}
	f.node.content.writeAt(p, off)
	return len(p), nil
}

func (f *memFile) Close() error {
	if f.closed.Swap(true) {
		return &fs.PathError{Op: "close", Path: f.name, Err: os.ErrClosed}
	}
	return nil
}

func (f *memFile) Datasync() error { return f.check("sync", false, 0, 0) }

func (f *memFile) Size() (int64, error) {
	return f.node.content.length(), f.check("stat", false, 0, 0)
}

func (f *memFile) Truncate(size int64) error {
	if err := f.check("truncate", true, 0, size); err != nil {
		return err
	}
	f.node.content.truncate(size)
	return nil
}

func (f *memFile) Allocate(off, n int64) error {
	if err := f.check("allocate", true, off, n); err != nil {
		return err
	}
	if n == 0 {
		return &fs.PathError{Op: "allocate", Path: f.name, Err: syscall.EINVAL}
	}
	f.node.content.extend(off + n)
	return nil
}

func (f *memFile) Map(off, n int64, writable bool) (*Mapping, error) {
	if err := f.check("map", false, off, n); err != nil {
		return nil, err
	}
	if writable && !f.writable {
		return nil, &fs.PathError{Op: "map", Path: f.name, Err: syscall.EACCES}
	}
	if n == 0 || off%int64(os.Getpagesize()) != 0 {
		return nil, &fs.PathError{Op: "map", Path: f.name, Err: syscall.EINVAL}
	}
	x, err := f.node.content.mapRange(off, n)
	if err != nil {
		return nil, &fs.PathError{Op: "map", Path: f.name, Err: err}
	}
	return f.mapping(x), nil
}

func (f *memFile) mapping(x *extent) *Mapping {
	mapped := true
	return &Mapping{
		Data: x.data[:x.n:x.n],
		sync: func(_, _ int) error { return f.check("sync", false, 0, 0) },
		unmap: func() error {
			if !mapped {
				return &fs.PathError{Op: "unmap", Path: f.name, Err: syscall.EINVAL}
			}
			mapped = false
			f.node.content.unmap(x)
			return nil
		},
	}
}

func (f *memFile) Identity() ([2]uint64, error) {
	return [2]uint64{f.device, f.node.inode}, f.check("stat", false, 0, 0)
}
