#!/bin/sh
# Process 1 of new namespaces becomes a systemd that knows faasd's units and no others. What it writes, it writes to
# file systems of its own, and the machine's settings are read-only.
#
#   boot.sh PROGRAMS UNITS TEST     folders of the programs and the units, and what is run once it is up
set -eu

if [ "${4:-}" != inside ]; then
	exec unshare --cgroup "$0" "$1" "$2" "$3" inside
fi
mount --make-rprivate /
mount -t proc proc /proc
mount --bind /proc/sys /proc/sys
mount -o remount,ro,bind /proc/sys
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p "$3/etc" "$3/work"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$3/etc,workdir=$3/work" /etc
for folder in /run /var/lib /var/cache; do
	mount -t tmpfs -o mode=755 tmpfs "$folder"
done
mount --bind "$1" /usr/local/bin
ip link set lo up
SYSTEMD_UNIT_PATH=$2 container=test exec /lib/systemd/systemd --system --log-target=null --unit=test.target
