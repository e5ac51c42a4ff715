package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// A zmtp is one end of a connection between ZeroMQ sockets, this one a REQ. See https://rfc.zeromq.org/spec/23/.
type zmtp struct {
	conn net.Conn
	in   *bufio.Reader
}

// Flags of a frame.
const (
	flagMore    = 1
	flagLong    = 2
	flagCommand = 4
)

func dialREQ(endpoint string) (*zmtp, error) {
	transport, address, _ := strings.Cut(endpoint, "://")
	if transport == "ipc" {
		transport = "unix"
	}
	conn, err := net.Dial(transport, address)
	if err != nil {
		return nil, err
	}
	z := &zmtp{conn, bufio.NewReader(conn)}
	if err := z.greet(); err != nil {
		return nil, errors.Join(fmt.Errorf("greet %s: %w", endpoint, err), conn.Close())
	}
	return z, nil
}

// greet agrees on version 3.0, without encryption.
func (z *zmtp) greet() error {
	greeting := make([]byte, 64)
	greeting[0], greeting[9] = 0xff, 0x7f // signature
	greeting[10] = 3                      // version
	copy(greeting[12:], "NULL")           // mechanism
	ready := "\x05READY\x0bSocket-Type\x00\x00\x00\x03REQ"
	if _, err := z.conn.Write(append(greeting, append([]byte{flagCommand, byte(len(ready))}, ready...)...)); err != nil {
		return err
	}
	if _, err := io.ReadFull(z.in, greeting); err != nil {
		return err
	}
	flags, answer, err := z.frame()
	if err == nil && (flags&flagCommand == 0 || !bytes.HasPrefix(answer, []byte("\x05READY"))) {
		err = fmt.Errorf("it answers %q", answer)
	}
	return err
}

func (z *zmtp) frame() (flags byte, body []byte, err error) {
	if flags, err = z.in.ReadByte(); err != nil {
		return 0, nil, err
	}
	size := 1
	if flags&flagLong != 0 {
		size = 8
	}
	length := 0
	for range size {
		b, err := z.in.ReadByte()
		if err != nil {
			return 0, nil, err
		}
		length = length<<8 | int(b)
	}
	body = make([]byte, length)
	_, err = io.ReadFull(z.in, body)
	return flags, body, err
}

// send sends a message, whose frames are short, behind the empty one of REQ.
func (z *zmtp) send(frames ...string) error {
	message := []byte{flagMore, 0}
	for i, f := range frames {
		flags := byte(flagMore)
		if i == len(frames)-1 {
			flags = 0
		}
		message = append(append(message, flags, byte(len(f))), f...)
	}
	_, err := z.conn.Write(message)
	return err
}

// receive returns the next message without the empty frame; those that have none are not for a REQ.
func (z *zmtp) receive() (frames []string, err error) {
	for {
		flags, body, err := z.frame()
		switch {
		case err != nil:
			return nil, err
		case flags&flagCommand != 0:
			if context, ping := bytes.CutPrefix(body, []byte("\x04PING")); ping {
				pong := append([]byte("\x04PONG"), context[2:]...) // behind how long the peer waits
				if _, err := z.conn.Write(append([]byte{flagCommand, byte(len(pong))}, pong...)); err != nil {
					return nil, err
				}
			}
			continue
		}
		frames = append(frames, string(body))
		if flags&flagMore != 0 {
			continue
		}
		if len(frames) > 1 && frames[0] == "" {
			return frames[1:], nil
		}
		frames = nil
	}
}
