package wire

import (
	"bytes"
	"fmt"
)

// The messages of MDP/Worker 0.1, the worker's half of ZeroMQ's RFC 7
// (Majordomo), between a stock worker's DEALER and a queue's ROUTER. All begin
// with an empty frame and the protocol's name; a command's code is one byte.
//
//	worker → queue   "" "MDPW01" 01 service                READY
//	queue  → worker  "" "MDPW01" 02 client "" body…        REQUEST
//	worker → queue   "" "MDPW01" 03 client "" body…        REPLY
//	both ways        "" "MDPW01" 04                        HEARTBEAT
//	both ways        "" "MDPW01" 05                        DISCONNECT
//
// A service is a function. What a client's address is, is the broker's own
// affair; a worker gives it back with its answer. Here it is the job's id.
const mdpHeader = "MDPW01"

// MDPCommand says what an MDP message is.
type MDPCommand byte

// The commands of MDP/Worker.
const (
	MDPReady MDPCommand = iota + 1
	MDPRequest
	MDPReply
	MDPHeartbeat
	MDPDisconnect
)

var mdpNames = [...]string{MDPReady: "READY", MDPRequest: "REQUEST", MDPReply: "REPLY", MDPHeartbeat: "HEARTBEAT", MDPDisconnect: "DISCONNECT"}

func (c MDPCommand) known() bool { return c >= MDPReady && c <= MDPDisconnect }

// String returns the command's name in RFC 7, such as "READY".
func (c MDPCommand) String() string {
	if !c.known() {
		return fmt.Sprintf("MDP command %d", byte(c))
	}
	return mdpNames[c]
}

// MDP is one message of MDP/Worker; fields that its command does not have are
// zero.
type MDP struct {
	Command MDPCommand
	Service string // READY: a function's name
	Client  string // REQUEST, REPLY: opaque to workers
	Body    []byte // REQUEST, REPLY
}

// mdpEnvelope is how many frames of a REQUEST or REPLY stand before its body.
const mdpEnvelope = 5

// IsMDP reports whether a message claims to be one of MDP/Worker.
func IsMDP(frames [][]byte) bool {
	return len(frames) > 1 && len(frames[0]) == 0 && string(frames[1]) == mdpHeader
}

// Frames encodes the message, the empty frame in front included.
func (m *MDP) Frames() [][]byte {
	f := [][]byte{{}, []byte(mdpHeader), {byte(m.Command)}}
	switch m.Command {
	case MDPReady:
		f = append(f, []byte(m.Service))
	case MDPRequest, MDPReply:
		f = append(f, []byte(m.Client), []byte{}, m.Body)
	}
	return f
}

// DecodeMDP reads what a stranger's worker, or Frames, wrote. A body of several
// frames, as RFC 7 allows, becomes one: they are joined in their order.
func DecodeMDP(frames [][]byte) (*MDP, error) {
	if !IsMDP(frames) {
		return nil, fmt.Errorf("%w: not a message of %s", ErrMalformed, mdpHeader)
	}
	if len(frames) < 3 || len(frames[2]) != 1 || !MDPCommand(frames[2][0]).known() {
		return nil, fmt.Errorf("%w: %s without a command from 1 to 5", ErrMalformed, mdpHeader)
	}
	m := &MDP{Command: MDPCommand(frames[2][0])}
	switch m.Command {
	case MDPReady:
		if len(frames) != 4 {
			return nil, m.shape(frames, "one frame behind it, the service")
		}
		if m.Service = string(frames[3]); !ValidFunction(m.Service) {
			return nil, fmt.Errorf("%w: READY with service %.80q, which is no function's name", ErrMalformed, frames[3])
		}
	case MDPRequest, MDPReply:
		if len(frames) <= mdpEnvelope || len(frames[4]) > 0 {
			return nil, m.shape(frames, "the client's address, an empty frame and a body behind it")
		}
		m.Client, m.Body = string(frames[3]), frames[mdpEnvelope]
		if len(frames) > mdpEnvelope+1 {
			m.Body = bytes.Join(frames[mdpEnvelope:], nil)
		}
	default:
		if len(frames) != 3 {
			return nil, m.shape(frames, "nothing behind it")
		}
	}
	return m, nil
}

func (m *MDP) shape(frames [][]byte, want string) error {
	return fmt.Errorf("%w: %s with %d frames behind it, want %s", ErrMalformed, m.Command, len(frames)-3, want)
}

// MDPReplyTo reports whether frames, of which the last may be missing, are the
// REPLY to a client, and how many frames and bytes stand before its body.
func MDPReplyTo(frames [][]byte, client string) (envelope, size int64, ok bool) {
	ok = IsMDP(frames) && len(frames) > 3 && string(frames[2]) == string(rune(MDPReply)) && string(frames[3]) == client
	return mdpEnvelope, int64(len(mdpHeader) + 1 + len(client)), ok
}
