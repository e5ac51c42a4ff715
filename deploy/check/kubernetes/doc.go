// Package kubernetes has nothing but tests: they render what deploy/kubernetes says with kustomize, decode it as strictly
// as Kubernetes does, hold it against what the roles say of themselves, and run the roles with the very settings that it
// gives them.
package kubernetes
