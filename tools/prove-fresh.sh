#!/bin/sh
# Proves the README's two commands on a fresh Debian 12 with only git, gcc, libc6-dev, nodejs and npm: a root file system made by
# mmdebstrap, a clean clone, an empty npm cache, an empty state directory. Needs root, mmdebstrap, and what npm and apt reach.
#   prove-fresh.sh [run|test|all]
set -eu
what=${1:-all}
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
work=$(mktemp -d)
fresh=$work/debian

finish() {
  # All mounts are in namespaces that ended with their processes.
  rm -rf --one-file-system "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

mirror=$(awk '$1 == "URIs:" { print $2; exit } $1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /^https?:/) { print $i; exit } }' \
  /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1)
echo "fresh: Debian 12 with only git gcc libc6-dev nodejs npm"
mmdebstrap --quiet --variant=minbase --include=git,gcc,libc6-dev,nodejs,npm,ca-certificates bookworm "$fresh" ${mirror:+"$mirror"}

cp /etc/resolv.conf /etc/hosts "$fresh/etc/"
cp /etc/ssl/certs/ca-certificates.crt "$fresh/etc/ssl/certs/ca-certificates.crt"
git clone --quiet "$here" "$fresh/root/isopod"

# Like a machine of its own: its root is the root of a mount namespace, no chroot, and its first process is the shell here,
# with which all that it started ends.
enter='
mount --make-rprivate / && mount --bind "$1" "$1" && cd "$1" && mount -t proc proc proc &&
mount --rbind /sys sys && mount --rbind /dev dev && mount -t tmpfs -o mode=755 none run && mkdir run/old &&
pivot_root . run/old && cd / && umount -l /run/old && exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
  npm_config_cafile=/etc/ssl/certs/ca-certificates.crt ${CI:+CI="$CI"} sh -c "cd /root/isopod && $2"'
inside() {
  unshare --mount --pid --fork --kill-child sh -c "$enter" sh "$fresh" "$1"
}

echo "fresh: node $(inside 'node --version'), npm $(inside 'npm --version')"
if [ "$what" != test ]; then
  echo "fresh: ./isopod run hello"
  inside './isopod run hello && echo "fresh: and again, now that it is set up" && ./isopod run hello
    kill "$(cat /run/isopod/agent.lock)" && while [ -e /proc/"$(cat /run/isopod/agent.lock)" ]; do sleep 0.1; done; sleep 1'
fi
if [ "$what" != run ]; then
  echo "fresh: npm test"
  inside 'npm test'
fi
echo "fresh: proved"
