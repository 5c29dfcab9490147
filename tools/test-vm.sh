#!/bin/sh
# npm run test:vm: kernel and end-to-end tests inside a guest with cgroup v2, built from Debian packages alone. The guest is
# User-Mode Linux: no /dev/kvm, no image, about as slow as an emulator. Needs root and the packages that
# tools/install-test-packages.sh names; without them the lane is skipped, counted and named.
#   test-vm.sh [FILE...]      these files in place of the lane's own
set -eu
cd "$(dirname -- "$0")/.."
sh tools/setup.sh

report=.build/vm-quick.json
skip() {
  echo "guest: skipped, lacks $1"
  printf '{"testResults":[{"name":"test/vm","assertionResults":[{"fullName":"the guest with cgroup v2 (lacks %s)","status":"skipped"}]}]}' \
    "$1" >"$report"
  exit 0
}
[ "$(id -u)" = 0 ] || skip root
command -v linux.uml >/dev/null 2>&1 || skip user-mode-linux
command -v busybox >/dev/null 2>&1 || skip busybox-static

exec sh tools/with-node.sh test/vm/run-lane.ts quick "$@"
