#!/bin/sh
# npm run test:vm: kernel and end-to-end tests inside a guest, built from Debian packages alone. Needs root and the packages
# that tools/install-test-packages.sh names; a lane that lacks something is skipped, counted and named.
#   test-vm.sh [FILE...]          the quick lane: User-Mode Linux with cgroup v2, no systemd; part of npm test
#   test-vm.sh --full [FILE...]   the full lane: QEMU, emulated, with systemd and every controller; once with cgroup v2 and
#                                 once with v1. `--full-v2` and `--full-v1` are one of the two.
# FILEs are run in place of the lane's own.
set -eu
cd "$(dirname -- "$0")/.."
sh tools/setup.sh

case "${1-}" in
  --full) lanes="full full-v1" ;;
  --full-v2) lanes=full ;;
  --full-v1) lanes=full-v1 ;;
  -*)
    echo "test-vm.sh: $1 is none of --full, --full-v2, --full-v1" >&2
    exit 2
    ;;
  *) lanes=quick ;;
esac
[ "$lanes" = quick ] || shift

# Whether apt has the kernel of the full lane: by name, for a package that is none has no dependencies.
knows_kernel() {
  apt-cache depends linux-image-amd64 2>/dev/null | grep -q 'Depends: linux-image-[0-9]'
}

# Prints what a lane cannot do without.
lacks() {
  if [ "$(id -u)" != 0 ]; then
    echo root
  elif [ "$1" = quick ]; then
    command -v linux.uml >/dev/null 2>&1 || echo user-mode-linux
    command -v busybox >/dev/null 2>&1 || echo busybox-static
  else
    [ "$(uname -m)" = x86_64 ] || echo x86_64
    command -v apt-get >/dev/null 2>&1 || echo apt-get
    for program in qemu-system-x86_64 mmdebstrap busybox mke2fs xz gcc; do
      command -v "$program" >/dev/null 2>&1 || echo "$program"
    done
    knows_kernel || { apt-get update >/dev/null 2>&1 && knows_kernel; } || echo linux-image-amd64
  fi
}

if [ "$lanes" != quick ] && [ "$(id -u)" = 0 ]; then sh tools/install-test-packages.sh --full; fi
code=0
running=
# Whoever ends this ends the lane, and that its guest.
trap '[ -z "$running" ] || kill -TERM "$running"; wait; exit 143' TERM INT HUP
for lane in $lanes; do
  missing=$(lacks "$lane" | tr '\n' ' ' | sed 's/ $//')
  if [ -n "$missing" ]; then
    echo "guest $lane: skipped, lacks $missing"
    printf '{"testResults":[{"name":"test/vm","assertionResults":[{"fullName":"the guest %s (lacks %s)","status":"skipped"}]}]}' \
      "$lane" "$missing" >".build/vm-$lane.json"
  elif [ "$lane" = quick ]; then
    exec sh tools/with-node.sh test/vm/run-lane.ts quick "$@"
  else
    sh tools/with-node.sh test/vm/run-lane.ts "$lane" "$@" &
    running=$!
    wait "$running" || code=1
    running=
  fi
done
if [ "$lanes" != quick ]; then
  # shellcheck disable=SC2086
  sh tools/with-node.sh tools/test-summary.ts $(for lane in $lanes; do echo "vm-$lane.json"; done) || code=1
fi
exit "$code"
