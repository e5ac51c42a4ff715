// Package process runs the processes of functions, and the kind of function
// that is any program, one process for each call: [Exec].
//
// A worker does not start them itself. It starts one small process, the guard,
// and has that do it:
//
//	worker ──socket pair──▶ guard ──▶ function's process ──▶ its children
//	                          ▲                                  │
//	                          └──── reparented orphans ──────────┘
//
// The guard is a subreaper (prctl(2)): a process below it whose parent ends
// becomes its child, whatever session it has made for itself. So it can find
// all processes of all functions, without root and without namespaces. The end
// of file on the socket says that the worker has ended, however it did; then
// the guard kills everything below it, and ends when it has no child left. If
// the guard itself is killed, the kernel kills the functions' processes
// (Pdeathsig), their orphans become the worker's, which is a subreaper too and
// kills them. If both are killed at once, orphans that had left their function's
// process are killed by the next guard of the same user that starts: by their
// cgroup, or by a mark in their environment.
//
// A tree is known by its cgroup where the system gives cgroups of version 2,
// else by descent, by its session, and by the mark. An orphan that has left its
// parents and its session and taken the mark out of its environment is nobody's
// then, and killed when it is seen.
package process
