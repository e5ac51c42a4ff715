package meter

import "fmt"

// A reader reads a part of a module. After an error, which it keeps, all it
// reads is zero and there is nothing more.
type reader struct {
	b   []byte
	at  int
	err error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("byte %d: %w", r.at, fmt.Errorf(format, args...))
	}
}

func (r *reader) more() bool { return r.err == nil && r.at < len(r.b) }

func (r *reader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) bytes(n int) []byte {
	if r.err == nil && n > len(r.b)-r.at {
		r.fail("%d bytes are expected, there are %d", n, len(r.b)-r.at)
	}
	if r.err != nil {
		return nil
	}
	b := r.b[r.at : r.at+n]
	r.at += n
	return b
}

// u32 reads an unsigned number of at most 32 bits in LEB128.
func (r *reader) u32() uint32 {
	var n uint64
	for shift := 0; shift < 35; shift += 7 {
		b := r.byte()
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if n > 1<<32-1 {
				break
			}
			return uint32(n)
		}
	}
	r.fail("a number has more than 32 bits")
	return 0
}

// leb skips a number in LEB128, signed or not, of at most 64 bits.
func (r *reader) leb() {
	for range 10 {
		if r.byte() < 0x80 {
			return
		}
	}
	r.fail("a number has more than 64 bits")
}

// vec reads how many entries follow, each of a byte at least.
func (r *reader) vec() uint32 {
	n := r.u32()
	if r.err == nil && int64(n) > int64(len(r.b)-r.at) {
		r.fail("%d entries are expected, there are %d bytes", n, len(r.b)-r.at)
	}
	if r.err != nil {
		return 0
	}
	return n
}
