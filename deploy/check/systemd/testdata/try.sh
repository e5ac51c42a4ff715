#!/bin/sh
# What is tried of the units, by a systemd that runs them: each line of output that begins with "ok" was kept.
set -eu

fail() {
	echo "FAILED: $*"
	exit 1
}

# until WHAT COMMAND…: waits for it to succeed.
until_ok() {
	what=$1
	shift
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ "$tries" -lt 300 ] || fail "$what: $*"
		sleep 0.1
	done
	echo "ok $what"
}

echoes() { [ "$(curl -sf -d hello http://127.0.0.1:3000/echo)" = hello ]; }
answers() { [ "$(curl -sf -d "$2" "http://127.0.0.1:3000/$1")" = "$3" ]; }
property() { systemctl show --value -p "$2" "$1"; }
restarted() { [ "$(property faasd-worker@1 NRestarts)" = 1 ] && [ "$(property faasd-worker@1 SubState)" = running ]; }
is() { [ "$(property "$1" ActiveState)" = "$2" ]; }

# functions FLAG VALUE: deploys and calls one of each kind that is easily made.
functions() {
	printf '#!/bin/sh\ntr a-z A-Z\n' >/run/shout.sh
	printf '#!/bin/sh\ncat /proc/self/cgroup\n' >/run/where.sh
	chmod +x /run/*.sh
	# (module (memory (export "memory") 1) (func (export "_start")))
	printf '\000asm\001\000\000\000\001\004\001\140\000\000\003\002\001\000\005\003\001\000\001\007\023\002\006memory\002\000\006_start\000\000\012\004\001\002\000\013' >/run/nothing.wasm
	for function in shout.sh where.sh nothing.wasm; do
		faasctl deploy "${function%.*}" "/run/$function" "$1" "$2" || fail "deploy $function"
	done
	until_ok 'a script is a function' answers shout hello HELLO
	until_ok 'a WebAssembly module is a function' answers nothing '' ''
	where=$(curl -sf -d '' http://127.0.0.1:3000/where)
	case $where in */faasd-guard-*) ;; *) fail "a function has no cgroup of its own but $where" ;; esac
	echo 'ok a function has a cgroup of its own'
}

systemctl start --no-block faasd.target
until_ok 'parts by themselves serve' echoes
functions --admin 127.0.0.1:3001
kill -KILL "$(property faasd-worker@1 MainPID)"
until_ok 'a worker that died is started again' restarted
until_ok 'and serves' answers shout hello HELLO
systemctl stop faasd.target
for part in faasd-coordinator faasd-frontend faasd-broker faasd-queue@queueA faasd-queue@queueB faasd-worker@1 faasd-worker@2; do
	until_ok "$part stops with the target" is "$part" inactive
	[ "$(property "$part" Result)" = success ] || fail "$part: $(property "$part" Result)"
done
[ -d /var/lib/faasd/store ] || fail 'the store is gone'

systemctl start --no-block faasd-up
until_ok 'up serves' echoes
functions --data /var/lib/faasd-up
faasctl status --data /var/lib/faasd-up >/dev/null || fail 'faasctl does not find it'
systemctl stop faasd-up
[ "$(property faasd-up Result)" = success ] || fail "faasd-up: $(property faasd-up Result)"
if pgrep -l '^faasd'; then fail 'something is left'; fi
echo 'ok nothing is left'
echo 'that is all'
