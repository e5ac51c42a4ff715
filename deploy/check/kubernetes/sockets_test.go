package kubernetes

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// connection is one to a pod's port. The kernel does not remember who had dialled one that is over: from is nil then.
type connection struct {
	from, to *pod
	port     int32 // of the latter
}

// States of connections in proc_net_tcp.
const (
	established = "01"
	timeWait    = "06" // over, for a minute
)

// dialled reads in the kernel's tables which connections to each other pods have dialled.
func dialled(t *testing.T, all []*pod) map[connection]bool {
	t.Helper()
	owners, addresses := make(map[string]*pod), make(map[string]*pod)
	for _, p := range all {
		addresses[p.address] = p
		for _, inode := range sockets(p.process.Process.Pid) {
			owners[inode] = p
		}
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[connection]bool)
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line) // sl, local, remote, state, …, inode
		if len(fields) < 10 {
			continue
		}
		local, _ := kernelAddress(fields[1])
		remote, _ := kernelAddress(fields[2])
		switch from := owners[fields[9]]; {
		case fields[3] == established && from != nil && addresses[remote.Addr().String()] != nil:
			found[connection{from, addresses[remote.Addr().String()], int32(remote.Port())}] = true
		case fields[3] == timeWait: // it is with the side that hung up first
			for _, end := range []netip.AddrPort{local, remote} {
				if to := addresses[end.Addr().String()]; to != nil {
					found[connection{nil, to, int32(end.Port())}] = true
				}
			}
		}
	}
	return found
}

// sockets are the inodes of a process's sockets.
func sockets(pid int) (inodes []string) {
	open, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, path := range open {
		target, err := os.Readlink(path)
		if inode, ok := strings.CutPrefix(target, "socket:["); err == nil && ok {
			inodes = append(inodes, strings.TrimSuffix(inode, "]"))
		}
	}
	return inodes
}

// kernelAddress reads 0100007F:1F49: the address in the machine's byte order, the port as a number.
func kernelAddress(text string) (netip.AddrPort, error) {
	host, port, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(host + port)
	if err != nil || len(b) != 6 {
		return netip.AddrPort{}, fmt.Errorf("no address: %q", text)
	}
	var ip [4]byte
	binary.NativeEndian.PutUint32(ip[:], binary.BigEndian.Uint32(b))
	return netip.AddrPortFrom(netip.AddrFrom4(ip), binary.BigEndian.Uint16(b[4:])), nil
}
