package httpcall

import (
	"io"
	"net/http"
	"time"
)

const (
	// restFor is how long an answer is held back for a small rest of the request's
	// body, behind which the connection can go on.
	restFor = time.Second
	// lingerFor is how long a client may send more of its body once it has been
	// answered: a few repeats of a lost packet.
	lingerFor = 5 * time.Second
)

// An incoming is a request's body that knows whether it was read to its end.
type incoming struct {
	io.ReadCloser
	whole bool
}

func (b *incoming) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.whole = b.whole || err == io.EOF
	return n, err
}

// linger sends the answer to a request whose body was not read to its end, and
// reads on for a while. Many clients send all of a body before they look for an
// answer; the kernel resets the connection of one that sends to a closed socket,
// and its answer is lost (RFC 9112, 9.6).
func (b *incoming) linger(w http.ResponseWriter) {
	conn := http.NewResponseController(w)
	began := time.Now()
	_ = conn.SetReadDeadline(began.Add(restFor))
	_ = conn.Flush() // before the answer net/http reads a rest of up to 256 KiB, or says that the connection ends
	_ = conn.SetReadDeadline(began.Add(lingerFor))
	_, _ = io.Copy(io.Discard, b.ReadCloser)
}
