#!/bin/sh
# npm run fuzz [-- --seconds N --seed S TARGET…]: changes the inputs of native/fuzz/corpus for so long (60 s each) and runs
# them through the helper's decoder, the monitor's client and the unpacker, built with sanitizers. Needs gcc alone.
set -eu
cd "$(dirname -- "$0")/.."
seconds=60 seed=1 targets=
while [ $# -gt 0 ]; do
  case $1 in
    --seconds) seconds=$2; shift 2 ;;
    --seed) seed=$2; shift 2 ;;
    wire | monitor | unpack) targets="$targets $1"; shift ;;
    *) echo "usage: npm run fuzz -- [--seconds N] [--seed S] [wire | monitor | unpack]..." >&2; exit 2 ;;
  esac
done

out=$PWD/.build/fuzz
mkdir -p "$out"
flags='-std=gnu17 -g -O1 -Wall -Wextra -Werror -D_GNU_SOURCE= -fsanitize=address,undefined -fno-sanitize-recover=all'

sources_of() {
  case $1 in
    wire) echo wire.c frame.c steps.c ;;
    monitor) echo wire.c frame.c sync.c process.c timing.c tree.c && ls monitor/*.c | grep -v confine.c ;;
    unpack) echo test/stand_ins.c file_access.c unpack/*.c ;;
  esac
}

build() {
  program=$out/fuzz_$1
  if [ -n "$(find "$program" -newer tools/fuzz.sh 2>/dev/null)" ] && [ -z "$(find native -name '*.[ch]' -newer "$program")" ]; then
    return 0
  fi
  (
    cd native
    # shellcheck disable=SC2086,SC2046 # words are meant; the driver itself is not what is watched
    gcc $flags -c fuzz/driver.c -o "$program.driver.o" &&
      gcc $flags -fsanitize-coverage=trace-pc -o "$program.new" "$program.driver.o" "fuzz/fuzz_$1.c" $(sources_of "$1") &&
      mv "$program.new" "$program"
  )
}

code=0
for target in ${targets:-wire monitor unpack}; do
  build "$target"
  work=$(mktemp -d)
  printf '%s: ' "$target"
  if (cd "$work" && "$out/fuzz_$target" --seconds "$seconds" --seed "$seed" "$OLDPWD/native/fuzz/corpus/$target"/*); then
    rm -r "$work"
  else
    code=1
    echo "$target failed; the input is $work/crash" >&2
  fi
done
exit "$code"
