#!/bin/sh
# npm test: sets up what is missing, then check, then the kernel and end-to-end tests as root.
set -eu
cd "$(dirname -- "$0")/.."
sh tools/setup.sh

if [ "$(id -u)" = 0 ]; then sh tools/install-test-packages.sh; fi

code=0
sh tools/check.sh || code=1
before=$(sh tools/leftovers.sh)
if [ "$(id -u)" = 0 ]; then
  sh tools/with-node.sh node_modules/vitest/vitest.mjs run -c vitest.kernel.config.ts \
    --reporter=default --reporter=json --outputFile.json=.build/kernel.json || code=1
  after=$(sh tools/leftovers.sh)
  if [ "$before" != "$after" ]; then
    printf 'the tests left these behind:\n%s\nbefore they ran there was:\n%s\n' "$after" "${before:-nothing}" >&2
    code=1
  fi
  sh tools/test-vm.sh || code=1
else
  rm -f .build/kernel.json .build/vm-quick.json
  echo "not root: the kernel and end-to-end tests are skipped"
fi
sh tools/with-node.sh tools/test-summary.ts || code=1
exit "$code"
