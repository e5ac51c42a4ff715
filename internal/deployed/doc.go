// Package deployed holds faasd to what is promised of functions that are
// deployed: real processes, known from outside only. That they do each other no
// harm is tried by internal/chaos.
package deployed
