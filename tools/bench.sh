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
flags="-std=gnu17 -O2 -Wall -Wextra -Werror -D_GNU_SOURCE= -Inative"
gcc $flags native/bench/timed.c -o .build/bench-timed
gcc $flags native/bench/request.c -o .build/bench-request
# The bare program has barriers and an exec of its own; all else it needs are the helper's very objects.
rm -f .build/bench-helper.a
ar rcs .build/bench-helper.a $(tr ' ' '\n' <.build/native/linked | grep -vE '/native/(main|barrier|exec|reaper)\.o$')
gcc $flags -static native/bench/bare.c .build/bench-helper.a -o .build/bench-bare
exec sh tools/with-node.sh test/bench/main.ts "$@"
