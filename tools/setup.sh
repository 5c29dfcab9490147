#!/bin/sh
# Brings a clone to where `./isopod` and `npm test` run: the packages of the lock file (Node 24 among them), the helper, the
# bundles. Does only what is missing or older than its sources, and says what it does. Needs npm, gcc and libc6-dev.
set -eu
cd "$(dirname -- "$0")/.."
mkdir -p .build

say() { printf 'isopod: %s\n' "$*" >&2; }
fail() {
  say "$1"
  [ -z "${2-}" ] || printf '  %s\n' "$2" >&2
  exit 125
}

# Two set-ups at once would undo each other's packages: the second waits for the first.
if [ "${ISOPOD_SETUP_LOCKED-}" != 1 ] && command -v flock >/dev/null 2>&1; then
  ISOPOD_SETUP_LOCKED=1 exec flock .build/setup.lock sh tools/setup.sh
fi

# What a command prints is shown only when it fails.
quietly() {
  if ! "$@" >.build/setup.log 2>&1; then
    cat .build/setup.log >&2
    return 1
  fi
}

# What changes from here on is seen by the next set-up.
touch .build/setup.stamp.new

if [ ! -e .build/packages.stamp ] || [ package-lock.json -nt .build/packages.stamp ] || [ ! -d node_modules/ ]; then
  if [ -d node_modules/ ] && [ ! -w node_modules/ ]; then fail 'node_modules cannot be written' 'run this as its owner'; fi
  command -v npm >/dev/null 2>&1 || fail 'npm is missing' 'apt-get install npm'
  if [ -L node_modules ]; then
    # Shared with another checkout, which looks after it.
    [ -d node_modules/typescript ] || fail 'node_modules is a link to a place without packages'
  else
    say 'installing the packages of package-lock.json (once)'
    quietly npm ci --no-audit --no-fund --loglevel=error ||
      fail 'the packages could not be installed' 'see the messages of npm above'
  fi
  touch .build/packages.stamp
fi

if [ ! -x .build/isopod-helper ] || [ ! -x .build/isopod-hello ] || [ ! -x .build/isopod-probe ] || [ -n "$(find native -newer .build/native.stamp 2>/dev/null || echo new)" ]; then
  command -v gcc >/dev/null 2>&1 || fail 'gcc is missing' 'apt-get install gcc libc6-dev'
  say 'building the helper'
  touch .build/native.stamp.new
  quietly sh native/build.sh || fail 'the helper could not be built' 'see the messages of gcc above; apt-get install gcc libc6-dev'
  mv .build/native.stamp.new .build/native.stamp
fi

if [ ! -e .build/isopod.cjs ] || [ -n "$(find src tools/bundle.ts package-lock.json -newer .build/bundle.stamp 2>/dev/null || echo new)" ]; then
  say 'bundling the command line and the agent'
  touch .build/bundle.stamp.new
  quietly sh tools/with-node.sh tools/bundle.ts || fail 'the bundles could not be made'
  mv .build/bundle.stamp.new .build/bundle.stamp
fi

mv .build/setup.stamp.new .build/setup.stamp
