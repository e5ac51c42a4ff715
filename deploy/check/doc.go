// Package check has nothing but tests: they hold what deploy/ and docker-compose.yml say against the types and loaders of
// the engines that read them. A module of its own, so that the product's go.mod stays small.
package check
