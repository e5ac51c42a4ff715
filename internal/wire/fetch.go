package wire

import (
	"fmt"
	"strconv"
)

// What a worker and a registrar say to each other about packages: plain text
// frames, but for the bytes themselves. Every message stands alone; whoever
// misses an answer asks again, there or elsewhere.
//
//	worker    → registrar  GET number digest offset
//	registrar → worker     CHUNK number size bytes | NONE number reason
const (
	FetchGet   = "GET"
	FetchChunk = "CHUNK"
	FetchNone  = "NONE"
)

// ChunkBytes is how much of a package one CHUNK carries, at most.
const ChunkBytes = 256 << 10

// Fetch is one of these messages; fields that its command does not have are zero.
type Fetch struct {
	Command string
	Number  uint64 // of the question, chosen by who asks; the answer has it too
	Digest  string // GET: of what is wanted
	Offset  int64  // GET: of the first byte that is wanted
	Size    int64  // CHUNK: of the whole
	Bytes   []byte // CHUNK: from the offset; ChunkBytes but for the last
	Reason  string // NONE
}

// Frames encodes the message.
func (f *Fetch) Frames() [][]byte {
	frames := [][]byte{[]byte(f.Command), strconv.AppendUint(nil, f.Number, 10)}
	switch f.Command {
	case FetchGet:
		return append(frames, []byte(f.Digest), strconv.AppendInt(nil, f.Offset, 10))
	case FetchChunk:
		return append(frames, strconv.AppendInt(nil, f.Size, 10), f.Bytes)
	case FetchNone:
		return append(frames, []byte(f.Reason))
	}
	return frames
}

// DecodeFetch reads what Frames wrote.
func DecodeFetch(frames [][]byte) (*Fetch, error) {
	if len(frames) < 3 || len(frames) > 4 {
		return nil, fmt.Errorf("%w: %d frames about a package, want 3 or 4", ErrMalformed, len(frames))
	}
	f := &Fetch{Command: string(frames[0])}
	var err error
	if f.Number, err = strconv.ParseUint(string(frames[1]), 10, 64); err != nil {
		return nil, fmt.Errorf("%w: question number %.40q about a package", ErrMalformed, frames[1])
	}
	switch {
	case f.Command == FetchGet && len(frames) == 4:
		f.Digest = string(frames[2])
		f.Offset, err = strconv.ParseInt(string(frames[3]), 10, 64)
		if err != nil || f.Offset < 0 || !ValidDigest(f.Digest) {
			return nil, fmt.Errorf("%w: GET of %.80q from %.40q", ErrMalformed, frames[2], frames[3])
		}
	case f.Command == FetchChunk && len(frames) == 4:
		f.Size, err = strconv.ParseInt(string(frames[2]), 10, 64)
		if f.Bytes = frames[3]; err != nil || f.Size < 0 || len(f.Bytes) > ChunkBytes {
			return nil, fmt.Errorf("%w: CHUNK of %d bytes of %.40q", ErrMalformed, len(f.Bytes), frames[2])
		}
	case f.Command == FetchNone && len(frames) == 3:
		f.Reason = string(frames[2])
	default:
		return nil, fmt.Errorf("%w: %.40q with %d frames, want GET, CHUNK or NONE", ErrMalformed, frames[0], len(frames))
	}
	return f, nil
}
