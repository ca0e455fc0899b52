package engine

import (
	"encoding/binary"
	"math"
	"slices"
	"sort"
)

// A summary of expiries that compaction comes to must not be lost with its segment, and
// can't be moved alone: the next newer one leads to it. So all summaries are merged into
// new ones, once in each turn of the log. That also lets counts cancel each other that
// are of a key's coming and going. It is done piece by piece, each under the lock:
//
//  1. the old summaries are merged by time, and written as new ones of which nobody knows,
//  2. what has been counted meanwhile is written as the newest summary, which leads to them.
type merge struct {
	exp    *expiries     // whose summaries these are; CLEAR, or no expiry left, makes others
	newest uint64        // of the old summaries
	lists  []summaryList // what is still to be merged of each
	counts []expiryCount // merged, to be written with the next piece
	pieces []uint64      // written so far, newest first
}

// summaryList is the rest of a summary: pairs of a time and the sum up to it.
type summaryList struct {
	pairs []byte
	sum   int64 // of what was taken already
}

// mergePiece counts are merged under one hold of the lock.
const mergePiece = 8 << 10

// mergeSummaries does a piece of a merge, if the summary at addr still counts; more tells
// that it did, and that addr must be come to again.
func (tx *Tx) mergeSummaries(addr uint64) (more bool, err error) {
	db := tx.db
	if err := db.loadExpiries(); err != nil || !slices.Contains(db.exp.summaries, addr) {
		return false, err
	}
	if tx.begin.end != db.log.end {
		return true, nil // in a frame of its own
	}
	m := db.compaction.merge
	db.compaction.merge = nil // after an error another one begins
	if m == nil || m.exp != db.exp {
		if m, err = db.newMerge(); err != nil {
			return true, err
		}
	}
	for n := 0; n < mergePiece && len(m.lists) > 0; {
		next := m.next()
		n += len(next)
		m.counts = append(m.counts, sumCounts(next, nil)...)
	}
	if len(m.lists) == 0 {
		return true, db.finishMerge(m)
	}
	if len(m.counts) >= db.log.summaryMax() {
		if m.pieces, err = db.writeSummaries(m.pieces, m.counts); err != nil {
			return true, err
		}
		m.counts = m.counts[:0]
	}
	db.compaction.merge = m
	return true, nil
}

// newMerge begins a merge of all summaries there are.
func (db *DB) newMerge() (*merge, error) {
	if err := db.log.flush(); err != nil {
		return nil, db.fail(err)
	}
	db.log.trim() // the lists must point into segments, not into the buffer
	m := &merge{exp: db.exp, newest: db.exp.summaries[0]}
	for _, addr := range db.exp.summaries {
		var r record
		err := db.log.load(addr, &r)
		if err != nil {
			return nil, err
		}
		if pairs := r.value[8:]; len(pairs) >= 16 {
			m.lists = append(m.lists, summaryList{pairs: pairs})
		}
	}
	return m, nil
}

// next takes the earliest counts off the lists: all up to some time, and about
// mergePiece of them.
func (m *merge) next() (counts []expiryCount) {
	share := max(1, mergePiece/len(m.lists))
	until := int64(math.MaxInt64)
	for _, l := range m.lists {
		until = min(until, l.time(min(share, l.len())-1))
	}
	for i := range m.lists {
		counts = m.lists[i].take(until, counts)
	}
	m.lists = slices.DeleteFunc(m.lists, func(l summaryList) bool { return l.len() == 0 })
	return counts
}

func (l *summaryList) len() int { return len(l.pairs) / 16 }

func (l *summaryList) time(i int) int64 { return int64(binary.LittleEndian.Uint64(l.pairs[16*i:])) }

// take appends the counts up to a time to others.
func (l *summaryList) take(until int64, to []expiryCount) []expiryCount {
	n := sort.Search(l.len(), func(i int) bool { return l.time(i) > until })
	for i := range n {
		sum := int64(binary.LittleEndian.Uint64(l.pairs[16*i+8:]))
		to = append(to, expiryCount{l.time(i), sum - l.sum})
		l.sum = sum
	}
	l.pairs = l.pairs[16*n:]
	return to
}

// finishMerge makes the new summaries the ones that count, with what has been counted
// since the merge began on top.
func (db *DB) finishMerge(m *merge) error {
	x := db.exp
	counts := sumCounts(m.counts, slices.Concat(x.sorted, x.added))
	for _, addr := range x.summaries {
		if addr <= m.newest {
			break
		}
		var r record
		err := db.log.load(addr, &r)
		if err != nil {
			return err
		}
		l := summaryList{pairs: r.value[8:]}
		counts = sumCounts(counts, l.take(math.MaxInt64, nil))
	}
	summaries, err := db.writeSummaries(m.pieces, counts)
	if err == nil {
		db.setSummaries(summaries)
	}
	return err
}
