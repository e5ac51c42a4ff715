// Package lint holds the rules of this repository that the compiler does not know: who may import whom, and what its
// files may not contain. It is all tests; the import table is in table_test.go.
package lint
