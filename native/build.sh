#!/bin/sh
# Builds .build/isopod-helper, .build/isopod-hello and .build/isopod-probe; `build.sh asan` builds .build/isopod-helper-asan, for tests.
# Needs gcc and libc6-dev, nothing else. Only what is older than its source, or than any header, is compiled again.
set -eu
cd "$(dirname -- "$0")/.."

warn='-std=gnu17 -Wall -Wextra -Werror'
case ${1-} in
  '')
    compile="-O2 $warn -D_GNU_SOURCE= -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fPIE"
    link='-static-pie -Wl,-z,relro,-z,now'
    objects=.build/native output=.build/isopod-helper ;;
  asan)
    compile="-O1 -g $warn -D_GNU_SOURCE= -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
    link='-fsanitize=address,undefined'
    objects=.build/native-asan output=.build/isopod-helper-asan ;;
  *) echo "usage: native/build.sh [asan]" >&2; exit 2 ;;
esac

if ! command -v gcc >/dev/null 2>&1; then
  echo "isopod: gcc is missing: apt-get install gcc libc6-dev" >&2
  exit 1
fi

sources=$(find native -name '*.c' ! -path 'native/hello/*' ! -path 'native/probe/*' ! -path 'native/bench/*' ! -path 'native/test/*' ! -path 'native/fuzz/*' | sort)
headers=$(find native -name '*.h')

newest=native/build.sh
for header in $headers; do
  if [ "$header" -nt "$newest" ]; then newest=$header; fi
done

for directory in $(find native -type d); do mkdir -p "$objects/$directory"; done

# As many compilers at a time as there are processors; a failed one leaves no object, and xargs says so.
all= old=
for source in $sources; do
  object=$objects/${source%.c}.o
  all="$all $object"
  if [ "$object" -nt "$source" ] && [ "$object" -nt "$newest" ]; then continue; fi
  old="$old $source"
done
if [ -n "$old" ]; then
  # shellcheck disable=SC2016 # the inner shell expands
  printf '%s\n' $old | compile="$compile" objects="$objects" xargs -P "$(nproc)" -n 1 sh -c '
    object=$objects/${1%.c}.o
    rm -f "$object"
    gcc $compile -Inative -c "$1" -o "$object.$$" && mv "$object.$$" "$object"
  ' compile
fi

# A source that went away leaves the rest older than the program: the list of objects tells.
stale=no
if [ "$all" != "$(cat "$objects/linked" 2>/dev/null)" ]; then stale=yes; fi
for object in $all; do
  if [ ! "$output" -nt "$object" ]; then stale=yes; fi
done
if [ "$stale" = yes ]; then
  # shellcheck disable=SC2086
  gcc $link $all -o "$output.$$"
  mv "$output.$$" "$output"
  printf '%s\n' "$all" >"$objects/linked"
fi

if [ "${1-}" != asan ] && [ ! .build/isopod-hello -nt native/hello/hello.c ]; then
  gcc -O2 $warn -D_GNU_SOURCE= -static -s native/hello/hello.c -o ".build/isopod-hello.$$"
  mv ".build/isopod-hello.$$" .build/isopod-hello
fi

if [ "${1-}" != asan ]; then
  stale=no
  for source in native/probe/*; do
    if [ ! .build/isopod-probe -nt "$source" ]; then stale=yes; fi
  done
  if [ "$stale" = yes ]; then
    gcc -O2 $warn -D_GNU_SOURCE= -static -s native/probe/*.c -o ".build/isopod-probe.$$"
    mv ".build/isopod-probe.$$" .build/isopod-probe
  fi
fi
