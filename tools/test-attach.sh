#!/bin/sh
# npm run test:attach: a gigabyte through a session both ways, and observers that read nothing for a minute. Needs root.
set -eu
cd "$(dirname -- "$0")/.."
sh tools/setup.sh
if [ "$(id -u)" != 0 ]; then
  echo "the streams are those of containers: this needs root" >&2
  exit 1
fi
export ISOPOD_TEST_STREAM_BYTES=$((1 << 30)) ISOPOD_TEST_STALL_MS=60000
exec sh tools/with-node.sh node_modules/vitest/vitest.mjs run -c vitest.kernel.config.ts test/e2e/stream-volume.test.ts
