package engine

// filter tells which keys a database has never had, as long as it has known all of them:
// from when it was made on, in the process that made it. Most keys of a bulk load are new,
// and need be looked for in no layer and not in the index: that was 14 % of its time.
//
// It is a Bloom filter with one hash function: a bit for each value of a hash's top bits.
// Without bits, and if it is nil, it says that there may be any key.
type filter struct {
	bits []uint64
	free int // bits that may still be set before it tells too little
	// gain is how many more keys were new than not lately, from 0 to filterGain: where keys are
	// written again and again a filter costs 3 % of a SET.
	gain int
}

const (
	filterBits = 23                    // 1 MiB: what half a processor's second cache holds
	filterFull = 1 << (filterBits - 2) // keys: then a quarter of those that are new seem known
	filterGain = 1 << 12
)

func newFilter() *filter {
	return &filter{bits: make([]uint64, 1<<filterBits/64), free: filterFull, gain: filterGain}
}

// word is the word that holds a hash's bit.
func (f *filter) word(hash uint64) *uint64 { return &f.bits[hash>>(64-filterBits)/64] }

// bit is a hash's bit in its word.
func (f *filter) bit(hash uint64) uint64 { return 1 << (hash >> (64 - filterBits) % 64) }

// lacks tells whether no key with this hash was ever added.
func (f *filter) lacks(hash uint64) bool {
	if f == nil || f.bits == nil {
		return false
	}
	if *f.word(hash)&f.bit(hash) == 0 {
		f.gain = min(f.gain+1, filterGain)
		return true
	}
	if f.gain--; f.gain < 0 {
		f.bits = nil
	}
	return false
}

// add notes that there is a key with this hash.
func (f *filter) add(hash uint64) {
	if f == nil || f.bits == nil || *f.word(hash)&f.bit(hash) != 0 {
		return
	}
	*f.word(hash) |= f.bit(hash)
	if f.free--; f.free == 0 {
		f.bits = nil
	}
}

// among returns those of the hashes that may have been added, in their place. It reads all
// words first, see fetch; touched keeps that.
func (f *filter) among(hashes []uint64) (some []uint64, touched uint64) {
	if f == nil || f.bits == nil {
		return hashes, 0
	}
	for _, hash := range hashes {
		touched += *f.word(hash)
	}
	n := 0
	for _, hash := range hashes {
		if *f.word(hash)&f.bit(hash) != 0 {
			hashes[n] = hash
			n++
		}
	}
	return hashes[:n], touched
}
