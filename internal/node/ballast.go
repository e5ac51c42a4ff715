package node

// ballast makes the garbage collector run less often: it collects when the
// heap has doubled, and a role's own heap is so small that this would be some
// fifty times a second under load. The ballast counts as heap but is never
// touched, so it is address space and not memory. A higher GOGC would do the
// same for a small heap, but would let a large one, full of bodies, grow by as
// much again several times over.
var ballast = make([]byte, 32<<20)
