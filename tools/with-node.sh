#!/bin/sh
# Runs its arguments with the Node that the lock file pins, whatever Node the system has.
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
for node in "$here"/node_modules/node-linux-*/bin/node; do
  [ -x "$node" ] && exec "$node" "$@"
done
echo "isopod: no Node in $here/node_modules: run npm ci there" >&2
exit 125
