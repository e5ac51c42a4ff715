package chaos

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// sockets knows whose a TCP connection over IPv4 is. A look at all descriptors of
// all parts takes a while on a busy machine, so those who ask at the same time
// share one.
type sockets struct {
	mu     sync.Mutex
	looked time.Time         // when the last look began; guarded by mu
	parts  map[uint64]string // by inode; guarded by mu
}

// operatorPart is what this process is called among the parts: it watches them,
// and who watches has a connection to each coordinator through the network too.
const operatorPart = "operator"

// owner returns the part whose process has the connection with those two ends,
// as it sees them; "" if none has. gone says that the connection is over.
func (s *sockets) owner(local, remote netip.AddrPort, processes func() map[string]int) (part string, gone bool) {
	inode, err := socketInode(local, remote)
	if err != nil || inode == 0 {
		return "", true
	}
	asked := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.looked.After(asked) {
		s.looked, s.parts = time.Now(), make(map[uint64]string)
		for part, pid := range processes() {
			for _, inode := range socketsOf(pid) {
				s.parts[inode] = part
			}
		}
	}
	part = s.parts[inode]
	if part == "" && slices.Contains(socketsOf(os.Getpid()), inode) {
		part = operatorPart // looked at last: it has thousands of others, to clients' ends
	}
	return part, false
}

// A question of sock_diag(7) is a netlink header and an inet_diag_req_v2, its
// answer a netlink header and an inet_diag_msg, of which this is wanted:
//
//	 0 netlink: u32 length, u16 type, u16 flags, u32 sequence, u32 port
//	16 u8 family, u8 protocol, u16 –, u32 states                  or u32 of the answer
//	24 be16 local port, be16 remote port, 16 bytes local address,  from 20 on in the answer
//	   16 bytes remote address, u32 interface, u64 cookie
//	84 u32 inode of the answer
const (
	sockDiagByFamily = 20
	diagSize         = 72
	diagInode        = 84
	anyState         = 1<<32 - 1
)

// socketInode asks the kernel for the inode of the connection with those ends.
// Where thousands of connections come and go, reading /proc/net/tcp takes
// seconds.
func socketInode(local, remote netip.AddrPort) (uint64, error) {
	fd, err := openDiag()
	if err != nil {
		return 0, err
	}
	defer syscall.Close(fd)
	if err := syscall.Sendto(fd, diagQuestion(local, remote), 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		return 0, err
	}
	answer := make([]byte, 4096)
	n, _, err := syscall.Recvfrom(fd, answer, 0)
	if err != nil {
		return 0, err
	}
	if answer = answer[:n]; n < diagInode+4 || binary.NativeEndian.Uint16(answer[4:]) != sockDiagByFamily {
		return 0, fmt.Errorf("no connection from %s to %s", local, remote)
	}
	return uint64(binary.NativeEndian.Uint32(answer[diagInode:])), nil
}

func openDiag() (fd int, err error) {
	fd, err = syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, syscall.NETLINK_INET_DIAG)
	if err != nil {
		return 0, fmt.Errorf("this kernel does not tell whose a connection is (sock_diag(7)): %w", err)
	}
	return fd, nil
}

func diagQuestion(local, remote netip.AddrPort) []byte {
	q := make([]byte, diagSize)
	binary.NativeEndian.PutUint32(q, diagSize)
	binary.NativeEndian.PutUint16(q[4:], sockDiagByFamily)
	binary.NativeEndian.PutUint16(q[6:], syscall.NLM_F_REQUEST)
	q[16], q[17] = syscall.AF_INET, syscall.IPPROTO_TCP
	binary.NativeEndian.PutUint32(q[20:], anyState)
	binary.BigEndian.PutUint16(q[24:], local.Port())
	binary.BigEndian.PutUint16(q[26:], remote.Port())
	from, to := local.Addr().Unmap().As4(), remote.Addr().Unmap().As4()
	copy(q[28:], from[:])
	copy(q[44:], to[:])
	binary.NativeEndian.PutUint64(q[64:], 1<<64-1) // any cookie
	return q
}

// socketsOf lists the inodes of a process's sockets; none if it has ended.
func socketsOf(pid int) (inodes []uint64) {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil {
			continue
		}
		if text, ok := strings.CutPrefix(target, "socket:["); ok {
			inode, _ := strconv.ParseUint(strings.TrimSuffix(text, "]"), 10, 64)
			inodes = append(inodes, inode)
		}
	}
	return inodes
}

// reserve keeps a port of a part that is dead from being picked by the kernel
// for others. A bound socket that does not listen does that, and with
// SO_REUSEADDR on both it leaves the address to the part when it comes back.
func reserve(address string) (fd int, err error) {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return 0, err
	}
	fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: ap.Addr().As4(), Port: int(ap.Port())})
	}
	if err != nil {
		_ = syscall.Close(fd)
		return 0, err
	}
	return fd, nil
}

func release(fds []int) {
	for _, fd := range fds {
		_ = syscall.Close(fd)
	}
}
