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
  # The agent of the fresh system ends by itself after a while; its directory goes now.
  for lock in "$fresh"/run/isopod/agent.lock; do
    if [ -s "$lock" ]; then kill "$(cat "$lock")" && sleep 2; fi 2>/dev/null
  done
  # Only mounts that this script made, deepest first; nothing is removed while one of them stands.
  for mount in $(awk -v at="$fresh" 'index($2, at) == 1 { print $2 }' /proc/self/mounts | sort -r); do umount -l "$mount"; done
  grep -q " $work" /proc/self/mounts || rm -rf --one-file-system "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

mirror=$(awk '$1 == "URIs:" { print $2; exit } $1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /^https?:/) { print $i; exit } }' \
  /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1)
echo "fresh: Debian 12 with only git gcc libc6-dev nodejs npm"
mmdebstrap --quiet --variant=minbase --include=git,gcc,libc6-dev,nodejs,npm,ca-certificates bookworm "$fresh" ${mirror:+"$mirror"}

# pivot_root wants the present root to be a mount point.
mount --bind "$fresh" "$fresh"
mount --make-private "$fresh"
for directory in proc sys dev; do mount --rbind "/$directory" "$fresh/$directory" && mount --make-rslave "$fresh/$directory"; done
mount -t tmpfs -o mode=755 none "$fresh/run"
cp /etc/resolv.conf /etc/hosts "$fresh/etc/"
cp /etc/ssl/certs/ca-certificates.crt "$fresh/etc/ssl/certs/ca-certificates.crt"
git clone --quiet "$here" "$fresh/root/isopod"

inside() {
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 npm_config_cafile=/etc/ssl/certs/ca-certificates.crt ${CI:+CI="$CI"} \
    chroot "$fresh" sh -c "cd /root/isopod && $1"
}

echo "fresh: node $(inside 'node --version'), npm $(inside 'npm --version')"
if [ "$what" != test ]; then
  echo "fresh: ./isopod run hello"
  inside './isopod run hello'
  echo "fresh: and again, now that it is set up"
  inside './isopod run hello'
fi
if [ "$what" != run ]; then
  echo "fresh: npm test"
  inside 'npm test'
fi
echo "fresh: proved"
