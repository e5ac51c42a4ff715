package process

// owner says which tree a process belongs to; tree is nil if none.
type owner struct {
	start uint64 // of the process
	tree  *tree
}

// attribute finds the tree of each process that lives. Strangers are orphans of
// no tree: what was missed of one that is forgotten, or hides on purpose. What
// has no environment at all is one only when it is found so again.
func (k *keeper) attribute(list []entry) (members map[*tree][]entry, strangers []entry) {
	seen := make(map[int]entry, len(list))
	for _, e := range list {
		seen[e.pid] = e
	}
	members = make(map[*tree][]entry)
	owners := make(map[int]owner, len(list))
	tops := make(map[int]verdict)
	for _, e := range list {
		if e.dead {
			continue
		}
		top := e
		for top.parent != k.pid {
			top = seen[top.parent]
		}
		v, ok := tops[top.pid]
		if !ok {
			v = k.judge(top)
			tops[top.pid] = v
		}
		owners[e.pid] = owner{e.start, v.tree}
		switch {
		case v.tree != nil:
			members[v.tree] = append(members[v.tree], e)
		case v.stranger:
			strangers = append(strangers, e)
		}
	}
	k.owners = owners
	return members, strangers
}

// verdict is what a child of the guard is: part of a tree, a stranger, or
// neither for certain.
type verdict struct {
	tree     *tree
	stranger bool
}

// judge finds the tree of a child of the guard: by its being the first process
// of one, by its cgroup, by what it was part of before, by its session, by its
// mark.
func (k *keeper) judge(e entry) verdict {
	if t := k.roots[e.pid]; t != nil && !t.hasEnded() {
		return verdict{tree: t}
	}
	if k.groups != nil {
		if id, ok := treeGroup(e.pid); ok && k.trees[id] != nil {
			return verdict{tree: k.trees[id]}
		}
	}
	before, again := k.owners[e.pid]
	again = again && before.start == e.start
	if t := before.tree; again && t != nil && k.trees[t.id] == t {
		return verdict{tree: t}
	}
	if t := k.roots[e.session]; t != nil {
		return verdict{tree: t}
	}
	mark, hasEnvironment := markOf(e.pid)
	for _, t := range k.trees {
		if t.mark == mark {
			return verdict{tree: t}
		}
	}
	return verdict{stranger: hasEnvironment || again}
}
