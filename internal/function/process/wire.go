package process

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// What worker and guard say to each other. A request is 16 bytes and, to start
// something, a body; the files travel with the 16 bytes:
//
//	0    1      2        4           8
//	+----+------+--------+-----------+------------+
//	| op | files| unused | body size | process id |
//	+----+------+--------+-----------+------------+
//
// files has a bit for each of standard input, output, error that is there.
// The body is the memory limit, 8 bytes, the number of arguments, 4 bytes, and
// path, folder, arguments and environment, each ended by a zero byte.
//
// A reply is 16 bytes:
//
//	0    1       2        4       8
//	+----+-------+--------+-------+------------+
//	| op | flags | unused | value | process id |
//	+----+-------+--------+-------+------------+
const (
	headSize = 16
	maxBody  = 4 << 20 // more than any system lets a program be started with
)

type op byte

const (
	opStart op = iota + 1
	opTerminate
	opKill

	opReady   // flags: the limits in force
	opStarted // value: the pid
	opFailed  // value: the errno
	opEnded   // value: the wait status; flags: why
)

type flags byte

const (
	flagMemory flags = 1 << iota // it used more memory than it may
	flagTasks                    // it had more processes and threads than it may
	flagLost                     // the guard was lost; never sent
)

type request struct {
	op    op
	id    uint64
	spec  Spec        // of opStart; without its files
	files [3]*os.File // of opStart; nil: /dev/null
}

type reply struct {
	op    op
	flags flags
	value uint32
	id    uint64
}

var errTooLong = errors.New("its arguments and environment are too long")

// send writes the request. Only one may be under way on a connection.
func (r *request) send(conn *net.UnixConn) error {
	var body []byte
	if r.op == opStart {
		body = binary.LittleEndian.AppendUint64(body, uint64(r.spec.Memory))
		body = binary.LittleEndian.AppendUint32(body, uint32(len(r.spec.Args)))
		for _, list := range [][]string{{r.spec.Path, r.spec.Dir}, r.spec.Args, r.spec.Env} {
			for _, text := range list {
				if strings.IndexByte(text, 0) >= 0 {
					return fmt.Errorf("%.100q has a zero byte", text)
				}
				body = append(append(body, text...), 0)
			}
		}
		if len(body) > maxBody {
			return errTooLong
		}
	}
	var fds []int
	message := []byte{byte(r.op), 0, 0, 0}
	for i, f := range r.files {
		if f != nil {
			message[1] |= 1 << i
			fds = append(fds, int(f.Fd())) // blocking from here on, as programs expect
		}
	}
	message = binary.LittleEndian.AppendUint32(message, uint32(len(body)))
	message = binary.LittleEndian.AppendUint64(message, r.id)
	message = append(message, body...)
	if len(fds) == 0 {
		_, err := conn.Write(message)
		return err
	}
	n, _, err := conn.WriteMsgUnix(message, syscall.UnixRights(fds...), nil)
	if err == nil && n < len(message) {
		_, err = conn.Write(message[n:])
	}
	return err
}

// receive reads a request. Its files are the caller's to close. The error is
// io.EOF when the other side has gone between two requests.
func receive(conn *net.UnixConn) (request, error) {
	var head [headSize]byte
	var control [64]byte // room for three descriptors
	n, controlled, _, _, err := conn.ReadMsgUnix(head[:], control[:])
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err != nil {
		return request{}, err
	}
	fds, err := descriptors(control[:controlled])
	if err != nil {
		return request{}, err
	}
	r := request{op: op(head[0])}
	for i := range r.files {
		if head[1]&(1<<i) != 0 && len(fds) > 0 {
			r.files[i] = os.NewFile(uintptr(fds[0]), "")
			fds = fds[1:]
		}
	}
	if _, err := io.ReadFull(conn, head[n:]); err != nil {
		return r, err
	}
	r.id = binary.LittleEndian.Uint64(head[8:])
	body := make([]byte, min(binary.LittleEndian.Uint32(head[4:]), maxBody))
	if _, err := io.ReadFull(conn, body); err != nil {
		return r, err
	}
	if r.op == opStart {
		err = r.parse(body)
	}
	return r, err
}

// parse reads the body of a request to start something.
func (r *request) parse(body []byte) error {
	if len(body) < 12 {
		return io.ErrUnexpectedEOF
	}
	args := int(binary.LittleEndian.Uint32(body[8:]))
	list := strings.Split(string(body[12:]), "\x00")
	list = list[:len(list)-1] // behind the last zero byte is nothing
	if len(list) < 2 || args > len(list)-2 {
		return io.ErrUnexpectedEOF
	}
	r.spec = Spec{
		Memory: int64(binary.LittleEndian.Uint64(body)),
		Path:   list[0], Dir: list[1], Args: list[2 : 2+args], Env: list[2+args:],
	}
	return nil
}

func descriptors(control []byte) (fds []int, err error) {
	messages, err := syscall.ParseSocketControlMessage(control)
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		rights, err := syscall.ParseUnixRights(&m)
		if err != nil {
			return nil, err
		}
		fds = append(fds, rights...)
	}
	return fds, nil
}

func (r reply) send(conn io.Writer) error {
	message := []byte{byte(r.op), byte(r.flags), 0, 0}
	message = binary.LittleEndian.AppendUint32(message, r.value)
	message = binary.LittleEndian.AppendUint64(message, r.id)
	_, err := conn.Write(message)
	return err
}

func receiveReply(conn io.Reader) (reply, error) {
	var b [headSize]byte
	if _, err := io.ReadFull(conn, b[:]); err != nil {
		return reply{}, err
	}
	return reply{
		op: op(b[0]), flags: flags(b[1]),
		value: binary.LittleEndian.Uint32(b[4:]), id: binary.LittleEndian.Uint64(b[8:]),
	}, nil
}
