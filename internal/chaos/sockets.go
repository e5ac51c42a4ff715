package chaos

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
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

// sockets knows whose a TCP connection over IPv4 is. A look at all of /proc takes
// tens of milliseconds on a busy machine, so those who ask at the same time share
// one.
type sockets struct {
	mu     sync.Mutex
	looked time.Time         // when the last look began; guarded by mu
	table  []byte            // what /proc/net/tcp said then; guarded by mu
	parts  map[uint64]string // by inode; guarded by mu
}

// operatorPart is what this process is called among the parts: it watches them,
// and who watches has a connection to each coordinator through the network too.
const operatorPart = "operator"

// owner returns the part whose process has the connection with those two ends,
// as it sees them; "" if none has.
func (s *sockets) owner(local, remote net.Addr, processes func() map[string]int) string {
	asked := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.looked.After(asked) {
		s.look(processes())
	}
	inode := findInode(s.table, fmt.Appendf(nil, " %s %s ", procAddress(local), procAddress(remote)))
	part := s.parts[inode]
	if part == "" && inode != 0 && slices.Contains(socketsOf(os.Getpid()), inode) {
		return operatorPart // looked at last: it has thousands of others, to clients' ends
	}
	return part
}

// look reads /proc/net/tcp, and then which process has which socket. mu is held.
func (s *sockets) look(processes map[string]int) {
	s.looked, s.parts = time.Now(), make(map[uint64]string)
	s.table, _ = os.ReadFile("/proc/net/tcp")
	for part, pid := range processes {
		for _, inode := range socketsOf(pid) {
			s.parts[inode] = part
		}
	}
}

// findInode returns the inode of the connection with those ends, or 0, from what
// /proc/net/tcp says (proc_net_tcp(5)):
//
//	sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
//	 0: 0100007F:1F90 0100007F:C350 01 …
func findInode(table, ends []byte) uint64 {
	at := bytes.Index(table, ends)
	if at < 0 {
		return 0
	}
	row, _, _ := bytes.Cut(table[at:], []byte("\n"))
	fields := bytes.Fields(row)
	if len(fields) < 9 {
		return 0
	}
	inode, _ := strconv.ParseUint(string(fields[8]), 10, 64)
	return inode
}

// procAddress writes an address as /proc/net/tcp does: the 32 bits as the
// machine holds them, and the port.
func procAddress(addr net.Addr) string {
	ap, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return ""
	}
	ip := ap.Addr().Unmap().As4()
	var word [4]byte
	binary.BigEndian.PutUint32(word[:], binary.NativeEndian.Uint32(ip[:]))
	return fmt.Sprintf("%X:%04X", word, ap.Port())
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
