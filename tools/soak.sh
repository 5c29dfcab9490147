#!/bin/sh
# npm run soak: random operations on an agent that is killed all the while, with invariants on. Needs root. Options: see test/soak/main.ts.
set -eu
cd "$(dirname -- "$0")/.."
sh tools/setup.sh
if [ "$(id -u)" != 0 ]; then
  echo "the soak launches containers: it needs root" >&2
  exit 1
fi
exec sh tools/with-node.sh test/soak/main.ts "$@"
