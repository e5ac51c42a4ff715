package chaos

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// An echoing is a part that says back each line, and this test's own process
// as the part that dials it.
type echoing struct {
	*network
	t       *testing.T
	bound   string // where it listens
	address string // where it is reached
	mu      sync.Mutex
	taken   []net.Conn
}

func startEchoing(t *testing.T) *echoing {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &echoing{network: newNetwork(), t: t, bound: l.Addr().String()}
	t.Cleanup(func() {
		l.Close()
		e.close()
		e.mu.Lock()
		defer e.mu.Unlock()
		for _, conn := range e.taken {
			conn.Close()
		}
	})
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			e.mu.Lock()
			e.taken = append(e.taken, conn)
			e.mu.Unlock()
			go io.Copy(conn, conn)
		}
	}()
	_, port, _ := net.SplitHostPort(e.bound)
	e.address = net.JoinHostPort(e.Host("queueA"), port)
	e.Started("worker1", os.Getpid())
	if err := e.Bound("queueA", []string{e.bound}); err != nil {
		t.Fatal(err)
	}
	return e
}

// A talk is one connection to the part.
type talk struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func (e *echoing) dial() *talk {
	e.t.Helper()
	conn, err := net.Dial("tcp4", e.address)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { conn.Close() })
	return &talk{conn, e.t, bufio.NewReader(conn)}
}

func (k *talk) say(line string) {
	k.t.Helper()
	if _, err := io.WriteString(k, line+"\n"); err != nil {
		k.t.Fatal(err)
	}
}

// hear returns the next line, or why there is none.
func (k *talk) hear(within time.Duration) (string, error) {
	if err := k.SetReadDeadline(time.Now().Add(within)); err != nil {
		return "", err
	}
	line, err := k.r.ReadString('\n')
	if err != nil {
		return "", err
	}
	return line[:len(line)-1], nil
}

func (k *talk) mustHear(want string) {
	k.t.Helper()
	if got, err := k.hear(soon); got != want {
		k.t.Fatalf("heard %q, %v; want %q", got, err, want)
	}
}

// mustHearNothing waits a moment for what must not come.
func (k *talk) mustHearNothing() {
	k.t.Helper()
	if got, err := k.hear(100 * time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		k.t.Fatalf("heard %q, %v through a cut", got, err)
	}
}

func TestTheNetworkPassesOnAndKnowsWhoHasConnected(t *testing.T) {
	e := startEchoing(t)
	k := e.dial()
	k.say("hello")
	k.mustHear("hello")
	if got := e.peers("queueA"); !slices.Equal(got, []string{"worker1"}) {
		t.Errorf("queueA is connected with %v", got)
	}
	if got := e.peers("worker1"); !slices.Equal(got, []string{"queueA"}) {
		t.Errorf("worker1 is connected with %v", got)
	}
}

func TestACutStallsAndWhatWasStalledFlowsOn(t *testing.T) {
	e := startEchoing(t)
	k := e.dial()
	k.say("before")
	k.mustHear("before")
	e.cut("worker1", "")
	k.say("meanwhile")
	k.mustHearNothing()
	late := e.dial() // the kernel takes the connection; nothing passes
	late.say("late")
	late.mustHearNothing()
	e.heal(false)
	k.mustHear("meanwhile")
	late.mustHear("late")
}

func TestACutBetweenOthersStallsNothing(t *testing.T) {
	e := startEchoing(t)
	k := e.dial()
	e.cut("queueA", "broker1")
	defer e.heal(false)
	k.say("hello")
	k.mustHear("hello")
}

func TestWhatWasStalledIsReset(t *testing.T) {
	e := startEchoing(t)
	k := e.dial()
	k.say("before")
	k.mustHear("before")
	e.cut("worker1", "queueA")
	k.say("meanwhile")
	e.heal(true)
	if got, err := k.hear(soon); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("heard %q, %v; want a reset", got, err)
	}
	k = e.dial()
	k.say("after")
	k.mustHear("after")
}

// Nobody hears through a cut that the other side has gone.
func TestTheEndOfAConnectionStaysOnItsSideOfACut(t *testing.T) {
	e := startEchoing(t)
	k := e.dial()
	k.say("before")
	k.mustHear("before")
	e.cut("worker1", "")
	e.mu.Lock()
	e.taken[0].Close()
	e.mu.Unlock()
	k.mustHearNothing()
	e.heal(false)
	if _, err := k.hear(soon); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("not told of the end after the cut: %v", err)
	}
}

func TestADeadPartRefusesAndItsPortIsKept(t *testing.T) {
	e := startEchoing(t)
	k := e.dial()
	k.say("hello")
	k.mustHear("hello")
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	other := l.Addr().String()
	if err := e.Bound("queueB", []string{other}); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := e.died("queueB"); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(other)
	if _, err := net.Dial("tcp4", net.JoinHostPort(e.Host("queueB"), port)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dialling a dead part: %v", err)
	}
	if l, err = net.Listen("tcp4", other); err != nil {
		t.Fatalf("the part cannot come back: %v", err)
	}
	defer l.Close()
	if err := e.Bound("queueB", []string{other}); err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp4", net.JoinHostPort(e.Host("queueB"), port)); err != nil {
		t.Errorf("dialling a part that is back: %v", err)
	}
}

func TestASocketIsFoundByItsEnds(t *testing.T) {
	e := startEchoing(t)
	k := e.dial()
	ends := [2]netip.AddrPort{k.LocalAddr().(*net.TCPAddr).AddrPort(), k.RemoteAddr().(*net.TCPAddr).AddrPort()}
	inode, err := socketInode(ends[0], ends[1])
	if err != nil || inode == 0 || !slices.Contains(socketsOf(os.Getpid()), inode) {
		t.Errorf("inode %d, %v; want one of this process", inode, err)
	}
	other, err := socketInode(ends[1], ends[0])
	if err != nil || other == inode {
		t.Errorf("inode %d of the other end, %v", other, err)
	}
	if inode, err := socketInode(ends[0], netip.MustParseAddrPort("127.77.1.1:1")); err == nil {
		t.Errorf("inode %d of a socket that is not there", inode)
	}
}
