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
flags="-std=gnu17 -O2 -Wall -Wextra -Werror -Inative"
gcc $flags native/bench/timed.c -o .build/bench-timed
# The bare program has its own barriers and exec; the steps are the helper's.
gcc $flags native/bench/bare.c native/wire.c native/steps.c native/steps/*.c native/unpack/remove_tree.c -o .build/bench-bare
exec sh tools/with-node.sh test/bench/main.ts "$@"
