#!/bin/sh
# npm run check: everything that needs neither root nor kernel features. Two halves side by side, for two cores.
set -eu
cd "$(dirname -- "$0")/.."
node="sh tools/with-node.sh"

statics() {
  $node node_modules/typescript/bin/tsc -b &&
    $node tools/gen-wire.ts --check &&
    $node tools/gen-syscalls.ts --check &&
    $node tools/gen-agent-api.ts --check &&
    $node tools/check-layers.ts &&
    $node tools/check-budgets.ts &&
    $node tools/check-words.ts &&
    $node tools/check-exports.ts &&
    $node node_modules/@biomejs/biome/bin/biome check --error-on-warnings .
}

mkdir -p .build
statics >.build/check-statics.log 2>&1 &
statics_pid=$!
code=0
$node node_modules/vitest/vitest.mjs run --reporter=default --reporter=json --outputFile.json=.build/unit.json || code=1
if ! wait "$statics_pid"; then code=1; fi
cat .build/check-statics.log
[ "$code" = 0 ] && echo "check: all is well"
exit "$code"
