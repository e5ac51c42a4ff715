#!/bin/sh
# A function in shell: greets whom the body names. The body comes on standard input, the answer goes to standard output,
# what goes to standard error is logged, and an exit status other than 0 is an error.
set -eu

name=$(cat)
if [ -z "$name" ]; then
	echo "whom shall it greet? call it with a name" >&2
	exit 1
fi
echo "greeting $name in job $FAASD_JOB" >&2
printf 'hello, %s\n' "$name"
