package engine

// filter tells which keys a database has never had, as long as it has known all of them:
// from when it was made on, in the process that made it. Most keys of a bulk load are new,
// and need be looked for in no layer and not in the index.
//
// It is a Bloom filter with one hash function: a bit for each value of a hash's top bits.
// The nil filter and one that has become too full say that there may be any key.
type filter struct {
	bits []uint64
	free int // bits that may still be set before it tells too little
}

const (
	filterBits = 23                    // 1 MiB: what half a processor's second cache holds
	filterFull = 1 << (filterBits - 2) // keys: then a quarter of those that are new seem known
)

func newFilter() *filter {
	return &filter{bits: make([]uint64, 1<<filterBits/64), free: filterFull}
}

// place is the word that holds a hash's bit, and the bit.
func (f *filter) place(hash uint64) (word *uint64, bit uint64) {
	n := hash >> (64 - filterBits)
	return &f.bits[n/64], 1 << (n % 64)
}

// knows tells whether a key with this hash may have been added.
func (f *filter) knows(hash uint64) bool {
	if f == nil || f.bits == nil {
		return true
	}
	word, bit := f.place(hash)
	return *word&bit != 0
}

// add notes that there is a key with this hash.
func (f *filter) add(hash uint64) {
	if f == nil || f.bits == nil {
		return
	}
	word, bit := f.place(hash)
	if *word&bit != 0 {
		return
	}
	*word |= bit
	if f.free--; f.free == 0 {
		f.bits = nil
	}
}

// addPlace adds what knows reads to what is to be fetched.
func (f *filter) addPlace(places *fetch, hash uint64) {
	if f != nil && f.bits != nil {
		word, _ := f.place(hash)
		places.add(word)
	}
}
