// Package bus joins a role's state machine (role.Machine) to real ZeroMQ
// sockets. It is the only package that knows ZeroMQ.
//
// A Host owns one machine and all its sockets. Only the goroutine in Run
// touches them. It sleeps until a socket has something to say, a timer of the
// machine is due, or somebody called Do; then it takes turns until nothing is
// left to do. A turn is bounded, and sees to everything: every ready socket,
// every function given to Do, every timer due.
//
// What has to be known about libzmq 4.3.4 to change this package:
//
//   - ZMQ_FD becomes readable when there is something in the socket's mailbox,
//     not when there is a message, and sending may empty the mailbox. So after
//     sending, and before sleeping, ZMQ_EVENTS must be read again
//     (Host.settle), or a message stays unnoticed until the next one comes.
//     Receiving until EAGAIN is as good as reading ZMQ_EVENTS.
//   - The same holds after connecting and binding: a new connection signals
//     nothing before it has once been looked at and found empty (seen over
//     inproc).
//   - Sending looks into the mailbox at most about once a millisecond, so that
//     EAGAIN can be out of date (socket.sendFirst).
//   - A message that broke off half way must still be sent to its last frame
//     (socket.sendRest).
//   - The ZMQ_FD is libzmq's: it is watched, never read, and taken out of the
//     poller before the socket is closed.
package bus
