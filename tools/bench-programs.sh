#!/bin/sh
# Builds the programs in C of the benchmark into .build/, from the objects of the helper as it was built last.
set -eu
cd "$(dirname -- "$0")/.."
flags="-std=gnu17 -O2 -Wall -Wextra -Werror -D_GNU_SOURCE= -Inative"
gcc $flags native/bench/timed.c -o .build/bench-timed
gcc $flags native/bench/request.c -o .build/bench-request
# The bare program has barriers and an exec of its own; all else it needs are the helper's very objects.
rm -f .build/bench-helper.a
ar rcs .build/bench-helper.a $(tr ' ' '\n' <.build/native/linked | grep -vE '/native/(main|barrier|exec|reaper)\.o$')
gcc $flags -static native/bench/bare.c .build/bench-helper.a -o .build/bench-bare
