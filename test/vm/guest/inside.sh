#!/bin/sh
# The tests, in any guest: the current directory is the repository, /run/job is shared with the host.
ulimit -c 0
# shellcheck disable=SC2046
exec sh tools/with-node.sh /run/job/tests/guest-main.mjs /run/job/report.json $(cat /run/job/files) 2>&1
