package chaos

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// socketInode finds a TCP connection over IPv4 by its two ends in /proc/net/tcp
// (proc_net_tcp(5)) and returns its inode, or 0:
//
//	sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
//	 0: 0100007F:1F90 0100007F:C350 01 …
func socketInode(local, remote net.Addr) uint64 {
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return 0
	}
	return findInode(table, fmt.Appendf(nil, " %s %s ", procAddress(local), procAddress(remote)))
}

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

// holdsSocket reports whether a process has a descriptor of that socket.
func holdsSocket(pid int, inode uint64) bool {
	want := "socket:[" + strconv.FormatUint(inode, 10) + "]"
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if target, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil && target == want {
			return true
		}
	}
	return false
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
