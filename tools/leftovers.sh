#!/bin/sh
# What of ours is on this host: cgroups, mounts, processes, links. Nothing, once all tests have ended.
{
  find /sys/fs/cgroup -maxdepth 4 -type d -name 'isopod-*' 2>/dev/null | sed 's/^/cgroup /'
  grep isopod /proc/self/mounts 2>/dev/null | awk '{ print "mount " $2 }'
  # By program, not by name of directory: somebody may stand in a directory of this name.
  for exe in /proc/[0-9]*/exe; do
    target=$(readlink "$exe" 2>/dev/null) || continue
    case "$target" in */isopod-helper | */isopod-helper-asan | */isopod-hello | */isopod-probe | /memfd:isopod-helper*) echo "process ${exe%/exe} $target" ;; esac
  done
  ip -o link 2>/dev/null | grep -o 'isopod[^:@ ]*' | sed 's/^/link /'
} | sort
