#!/bin/sh
# Builds this program once more, from copies of its sources with the next protocol version and another version of the package,
# in .build/next-version, for tests that replace one version by another. Prints its directory.
set -eu
cd "$(dirname -- "$0")/../.."
next=.build/next-version
rm -rf "$next"
mkdir -p "$next"
cp -a isopod package.json package-lock.json native src tools "$next/"
ln -s "$(readlink -f node_modules)" "$next/node_modules"
cd "$next"
version=$(sed -n 's/^export const PROTOCOL_VERSION = \([0-9]*\);$/\1/p' src/model/wire.ts)
sed -i "s/^export const PROTOCOL_VERSION = .*;/export const PROTOCOL_VERSION = $((version + 1));/" src/model/wire.ts
sed -i "s/^export const VERSION = .*;/export const VERSION = '99.0.0';/" src/main/version.ts
sh tools/with-node.sh tools/gen-wire.ts >&2
sh tools/setup.sh >&2
.build/isopod-helper version | grep -qx "$((version + 1))"
pwd
