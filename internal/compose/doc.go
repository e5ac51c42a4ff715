// Package compose holds docker-compose.yml, the image and the Swarm overlay to
// what docs/DEPLOYING.md says of them: a real engine, real containers, known
// from outside only. Its tests need an engine with the image in it, which
// scripts/compose-test sees to, and are skipped without.
package compose
