#!/bin/sh
# npm run bench: launches through the agent, interleaved in one run with a bare C program that makes the same steps and with the
# other engines that are installed. Needs root. Options: see test/bench/main.ts.
set -eu
cd "$(dirname -- "$0")/.."
sh tools/setup.sh
if [ "$(id -u)" != 0 ]; then
  echo "the benchmark launches containers: it needs root" >&2
  exit 1
fi
sh tools/bench-programs.sh
exec sh tools/with-node.sh test/bench/main.ts "$@"
