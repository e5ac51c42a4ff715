package process

import "sync"

// blockSize is how many bytes of a stream are read at a time.
const blockSize = 64 << 10

// block is memory for what processes write. It is used again by the next
// stream, and never cleared: fresh memory costs more than what is put there.
type block [blockSize]byte

var blocks = sync.Pool{New: func() any { return new(block) }}

func newBlock() *block    { return blocks.Get().(*block) }
func (b *block) release() { blocks.Put(b) }
