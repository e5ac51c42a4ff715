package cluster

import (
	"fmt"
	"sync"

	"faasd/internal/wire"
)

// DecodeState reads a state that came from the bus and checks it. Decoding is
// most of what the bus costs, and the same bytes come often: by each
// coordinator, and in `up` to every role of one process. So they are decoded
// once. What is returned is shared, and must not be changed.
func DecodeState(frames [][]byte) (*wire.State, error) {
	if len(frames) != 2 {
		return nil, fmt.Errorf("%w: %d frames on the bus, want topic and value", wire.ErrMalformed, len(frames))
	}
	s := decoded.get(frames[1])
	if s == nil {
		s = new(wire.State)
		if err := wire.DecodeBus(frames, s); err != nil {
			return nil, err
		}
		if err := s.Check(); err != nil {
			return nil, err
		}
		decoded.put(frames[1], s)
	}
	if topic := string(frames[0]); s.Topic() != topic {
		return nil, fmt.Errorf("%w: state of %.200q on topic %.200q", wire.ErrMalformed, s.Topic(), topic)
	}
	return s, nil
}

const (
	maxDecoded      = 128
	maxDecodedBytes = 16 << 10 // of each; larger ones are decoded each time
)

// states remembers the last ones that were decoded.
type states struct {
	mu     sync.Mutex // guards what follows
	values map[string]*wire.State
	order  [maxDecoded]string // the keys of values, in a ring
	next   int
}

var decoded = states{values: make(map[string]*wire.State)}

func (c *states) get(b []byte) *wire.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.values[string(b)]
}

func (c *states) put(b []byte, s *wire.State) {
	if len(b) > maxDecodedBytes {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.values, c.order[c.next])
	c.order[c.next] = string(b)
	c.values[c.order[c.next]] = s
	c.next = (c.next + 1) % maxDecoded
}
