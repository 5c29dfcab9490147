#!/bin/sh
# npm run test:crash: ends the engine at every numbered effect, in the simulation with every order and driver that it has, then on the real
# kernel, which needs root. With arguments (see test/crash/main.ts) on the real kernel alone.
set -eu
cd "$(dirname -- "$0")/.."
sh tools/setup.sh
code=0
if [ $# = 0 ]; then
  ISOPOD_CRASHES=all sh tools/with-node.sh node_modules/vitest/vitest.mjs run test/simulation/crash-points.test.ts || code=1
fi
if [ "$(id -u)" = 0 ]; then
  sh tools/with-node.sh test/crash/main.ts "$@" || code=1
else
  echo "not root: no engine is ended on the real kernel" >&2
  code=1
fi
exit "$code"
