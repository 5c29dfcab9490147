#!/bin/sh
# First process of a User-Mode Linux guest: a root of its own over that of the host, cgroup v2, then the tests.
exec >/dev/console 2>&1
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8

finish() {
  echo "$1" >/run/job/rc
  sync
  echo o >/proc/sysrq-trigger
  sleep 60
}

mount -t proc proc /proc
busybox insmod "/usr/lib/uml/modules/$(uname -r)/kernel/fs/overlayfs/overlay.ko"
mount -t tmpfs tmpfs /run
mkdir /run/upper /run/work /run/repository-upper /run/repository-work /run/root
mount -t overlay -o lowerdir=/,upperdir=/run/upper,workdir=/run/work root /run/root
cd /run/root || exit 1
mkdir -p proc sys dev tmp run
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t devtmpfs devtmpfs dev
mkdir -p dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
mount -t tmpfs -o mode=1777 tmp tmp
mount -t tmpfs -o mode=755 run run
mount -t cgroup2 -o nsdelegate cgroup2 sys/fs/cgroup
mkdir -p ".$repository"
mount -t overlay -o lowerdir=/mnt/repository,upperdir=/run/repository-upper,workdir=/run/repository-work repository ".$repository"
mkdir run/job run/old
mount -t hostfs -o /mnt/job job run/job
hostname guest
ip link set lo up
pivot_root . run/old
umount -l /run/old
cd "$repository" || finish 125
sh test/vm/guest/inside.sh
finish $?
