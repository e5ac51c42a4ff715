// Package compose has what Docker's own loaders say of docker-compose.yml: that
// of Compose v2, and that of `docker stack deploy`. internal/compose of the
// product runs it.
package compose
