#!/bin/sh
# Runs one guest under User-Mode Linux, in a mount and a pid namespace of its own, with which all of it ends:
#   unshare --mount --pid --fork --kill-child sh uml-host.sh REPOSITORY JOB
# The guest sees this host's root file system and the repository, which it cannot write whatever it does: our mounts of
# them are read-only. JOB is what it writes: a directory that holds `tests/` and the words of the command, `words`.
set -eu
repository=$1
job=$2
guest=$repository/test/vm/guest
mount --make-rprivate /

# The memory of the guest is a file, to be mapped with the right to execute; /dev/shm may be small or forbid that.
mount -t tmpfs -o mode=700 tmpfs /mnt
mkdir /mnt/view /mnt/memory
mount --bind / /mnt/view
mount -o remount,bind,ro /mnt/view
mount -t tmpfs -o mode=755 tmpfs /mnt/view/mnt
mkdir /mnt/view/mnt/repository /mnt/view/mnt/job
mount --bind "$repository" /mnt/view/mnt/repository
mount -o remount,bind,ro /mnt/view/mnt/repository
mount --bind "$job" /mnt/view/mnt/job
cp "$guest/uml-init.sh" /mnt/view/mnt/init
chmod 755 /mnt/view/mnt/init

kernel=$(command -v linux.uml)
# `hostfs=` confines every hostfs mount of the guest to that directory.
HOME=/mnt/memory TMPDIR=/mnt/memory exec "$kernel" umid=isopod mem=1536M hostfs=/mnt/view root=/dev/root \
  rootfstype=hostfs rootflags=/ ro con=null con0=null,fd:1 loglevel=1 init=/mnt/init "repository=$repository" </dev/null
