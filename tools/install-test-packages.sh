#!/bin/sh
# Debian packages that kernel tests use; a test whose package is missing is skipped, counted and named.
#   install-test-packages.sh [--full]   those of the full lane of `npm run test:vm`, too
set -eu
wanted="busybox-static mmdebstrap umoci skopeo docker-registry attr python3 procps util-linux user-mode-linux python3-seccomp dbus"
[ "${1-}" != --full ] || wanted="$wanted qemu-system-x86 e2fsprogs gzip"
# What trees, compressions and signatures of images are compared with, and what makes images of erofs.
wanted="$wanted podman bzip2 xz-utils zstd gnupg erofs-utils"
missing=""
for package in $wanted; do
  dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
# Docker's engine is only unpacked: on the host of somebody, an installed one would begin to serve and write rules.
engine=.build/docker-engine
wanted_engine=""
command -v dockerd >/dev/null 2>&1 || [ -x "$engine/usr/sbin/dockerd" ] || wanted_engine="docker.io containerd runc libdevmapper1.02.1"
[ -n "$missing$wanted_engine" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1; then
  echo "no apt-get here: tests that need$missing $wanted_engine are skipped"
  exit 0
fi
mkdir -p .build
log=.build/apt.log
if [ -n "$wanted_engine" ]; then
  echo "unpacking for the tests: $wanted_engine"
  archives=$(mktemp -d)
  chmod 755 "$archives" # apt downloads as a user of its own
  if (apt-get update && cd "$archives" && apt-get download $wanted_engine) >"$log" 2>&1; then
    rm -rf "$engine.new" && mkdir "$engine.new"
    for archive in "$archives"/*.deb; do dpkg-deb -x "$archive" "$engine.new"; done
    find "$engine.new" -xtype l -exec rm {} + # links to other packages
    rm -rf "$engine" && mv "$engine.new" "$engine"
  else
    tail -n 20 "$log"
    echo "apt-get failed: tests that need $wanted_engine are skipped"
  fi
  rm -rf "$archives"
fi
[ -n "$missing" ] || exit 0
echo "installing for the tests:$missing"
export DEBIAN_FRONTEND=noninteractive
# A registry that starts by itself would hold its port; the tests start their own on a free one.
policy=/usr/sbin/policy-rc.d
made_policy=no
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" && made_policy=yes
fi
if ! { apt-get update && apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
  tail -n 20 "$log"
  echo "apt-get failed: tests that need one of$missing may be skipped"
fi
[ "$made_policy" = no ] || rm -f "$policy"
