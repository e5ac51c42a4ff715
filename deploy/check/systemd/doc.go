// Package systemd has nothing but tests: they hold the units of deploy/systemd against what the roles say of themselves
// and against systemd, and have a systemd of their own run them.
package systemd
