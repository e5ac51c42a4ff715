package chaos

import (
	"net"
	"sync"
)

// pipe is one connection between two parts, through the network.
type pipe struct {
	network *network
	to      string
	from    string // who dialled; "" until known; guarded by network.mu

	dialler *net.TCPConn
	dialled *net.TCPConn // nil until the part has taken it; guarded by network.mu
	over    bool         // guarded by network.mu
}

// chunk is how much is under way in each direction of a pipe, in bytes, beside
// what the kernel's buffers hold.
const chunk = 32 << 10

// run carries the connection to the address that the part has bound, until one
// side ends it.
func (p *pipe) run(address string) {
	defer p.end()
	from := p.network.owner(p.dialler)
	if from == "" {
		return
	}
	p.network.mu.Lock()
	p.from = from
	p.network.mu.Unlock()
	p.pass()
	conn, err := net.Dial("tcp4", address)
	if err != nil {
		return
	}
	if !p.join(conn.(*net.TCPConn)) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.pump(p.dialled, p.dialler) })
	both.Go(func() { p.pump(p.dialler, p.dialled) })
	both.Wait()
}

// join takes the part's side in; false if the pipe was reset meanwhile.
func (p *pipe) join(conn *net.TCPConn) bool {
	p.network.mu.Lock()
	defer p.network.mu.Unlock()
	if p.over {
		_ = conn.Close()
		return false
	}
	p.dialled = conn
	return true
}

// pump passes on what src says. Nothing is read ahead of a cut, and nothing
// gets through one, nor the news that a side has ended.
func (p *pipe) pump(dst, src *net.TCPConn) {
	buf := make([]byte, chunk)
	for {
		p.pass()
		n, err := src.Read(buf)
		p.pass()
		if n > 0 {
			if _, werr := dst.Write(buf[:n]); err == nil {
				err = werr
			}
		}
		if err != nil {
			_ = dst.Close()
			_ = src.Close()
			return
		}
	}
}

// pass waits while the link is cut.
func (p *pipe) pass() {
	for healed := p.network.severed(p.from, p.to); healed != nil; healed = p.network.severed(p.from, p.to) {
		<-healed
	}
}

// end closes both sides.
func (p *pipe) end() {
	p.network.mu.Lock()
	defer p.network.mu.Unlock()
	p.over = true
	delete(p.network.pipes, p)
	_ = p.dialler.Close()
	if p.dialled != nil {
		_ = p.dialled.Close()
	}
}

// reset ends both sides as a peer does that knows nothing of the connection:
// with RST, and without what was under way. network.mu is held.
func (p *pipe) reset() {
	p.over = true
	for _, conn := range []*net.TCPConn{p.dialler, p.dialled} {
		if conn != nil {
			_ = conn.SetLinger(0)
			_ = conn.Close()
		}
	}
}
