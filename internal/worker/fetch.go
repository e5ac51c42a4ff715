package worker

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

const (
	// chunkWithin is how long one registrar has for a part of a package, before
	// another is asked.
	chunkWithin = 2 * time.Second
	// chunkTries is how often a part is asked for before it is given up.
	chunkTries = 5
)

// ErrNoSource: no registrar is known from which packages could be fetched.
var ErrNoSource = errors.New("no registrar is known that has packages")

// Chunk is a part of a package.
type Chunk struct {
	Bytes []byte
	Size  int64 // of the whole package
	Err   error // nil, or why it could not be had
}

// wanted is a part of a package that was asked for.
type wanted struct {
	get    wire.Fetch
	source int    // index in sources of whom was asked last
	asked  string // its endpoint
	tries  int
	due    role.Time // when another is asked
	answer func(Chunk)
}

// Fetch asks for the part of a package that begins at offset, of at most
// wire.ChunkBytes. answer is called once, in the owner's turn, perhaps before
// Fetch returns.
func (m *Machine) Fetch(now role.Time, digest string, offset int64, answer func(Chunk)) {
	m.fetches++
	w := &wanted{get: wire.Fetch{Command: wire.FetchGet, Number: m.fetches, Digest: digest, Offset: offset}, answer: answer}
	w.source = max(slices.Index(m.sources, m.provider), 0) - 1 // the one that has answered is asked first
	m.fetching[m.fetches] = w
	m.askSource(now, w)
}

// askSource asks the next registrar.
func (m *Machine) askSource(now role.Time, w *wanted) {
	if len(m.sources) == 0 {
		m.fetched(w, Chunk{Err: ErrNoSource})
		return
	}
	w.tries++
	w.source = (w.source + 1) % len(m.sources)
	w.due = now + chunkWithin
	m.timer.By(now, w.due)
	ep := m.sources[w.source]
	w.asked = ep
	to := role.Packet{Link: LinkPackages, Peer: ep}
	if !slices.Contains(m.dialled, ep) {
		m.dialled = append(m.dialled, ep)
		m.Emit(role.Effect{Op: role.OpDial, Packet: to, Endpoint: ep})
	}
	to.Frames = w.get.Frames()
	m.Emit(role.Effect{Op: role.OpSend, Packet: to})
}

// fromSource takes a registrar's answer.
func (m *Machine) fromSource(now role.Time, p role.Packet) error {
	f, err := wire.DecodeFetch(p.Frames)
	if err != nil {
		return err
	}
	w := m.fetching[f.Number]
	if w == nil {
		return nil // another was quicker
	}
	switch f.Command {
	case wire.FetchChunk:
		m.provider = p.Peer
		m.fetched(w, Chunk{Bytes: f.Bytes, Size: f.Size})
	case wire.FetchNone:
		if p.Peer != w.asked {
			return nil // late: another is asked already
		}
		if w.tries < len(m.sources) {
			m.askSource(now, w)
			return nil
		}
		m.fetched(w, Chunk{Err: fmt.Errorf("no registrar has %.12s: %s", w.get.Digest, f.Reason)})
	default:
		return fmt.Errorf("%w: %s from a registrar", wire.ErrMalformed, f.Command)
	}
	return nil
}

func (m *Machine) fetched(w *wanted, c Chunk) {
	delete(m.fetching, w.get.Number)
	w.answer(c)
}

// tickFetch asks others for what has not come in time, and closes connections
// to registrars that are not there any more.
func (m *Machine) tickFetch(now role.Time) {
	for _, w := range role.InOrder(m.fetching) {
		switch {
		case now < w.due:
			m.timer.By(now, w.due)
		case w.tries >= chunkTries:
			m.fetched(w, Chunk{Err: fmt.Errorf("no registrar answered for %.12s in %s", w.get.Digest, chunkTries*chunkWithin)})
		default:
			m.askSource(now, w)
		}
	}
	m.dialled = slices.DeleteFunc(m.dialled, func(ep string) bool {
		if slices.Contains(m.sources, ep) {
			return false
		}
		m.Emit(role.Effect{Op: role.OpHangup, Packet: role.Packet{Link: LinkPackages, Peer: ep}})
		return true
	})
}
