// Package sim runs the real state machines of all roles on a simulated network,
// in virtual time. Nothing in it sleeps, and its own decisions follow from what
// a test tells it, in order. Only tests import it.
//
// A World has processes (Node) and the sockets that their machines dial and
// bind, joined by endpoint strings; every connection is first in, first out. A
// System is a World with the roles of faasd in it, linked as `faasd` links them.
//
// The machines themselves visit Go maps, in an order that differs from run to
// run, so that a test must hold for every order.
package sim
