// Package sim runs the real state machines of all roles on a simulated network,
// in virtual time. Nothing in it sleeps, and its own decisions follow from what
// a test tells it, in order. Only tests import it.
//
// A World has processes (Node) and the sockets that their machines dial and
// bind, joined by endpoint strings; every connection is first in, first out. A
// System is a World with the roles of faasd in it, linked as `faasd` links them.
//
// The same input gives the same run, to the byte: the machines visit their maps
// in order where it can be seen (role.InOrder), and World.Digest tells whether
// two runs were alike.
package sim
