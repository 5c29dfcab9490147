import { existsSync, rmSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Installation } from './support/installation.ts';

let isopod: Installation;
beforeEach(() => {
  isopod = new Installation();
});
afterEach(() => rmSync(isopod.directory, { recursive: true }));

const IS_BOOTED_BY_SYSTEMD = existsSync('/run/systemd/system');

test.skipIf(IS_BOOTED_BY_SYSTEMD)('an agent that is to use systemd where there is none does not start', async () => {
  const { code, stderr } = await isopod.run(['agent', '--cgroup-driver', 'systemd', '--allow-namespaces']);
  expect(code).toBe(125);
  expect(stderr).toContain('needs systemd as the first process of this host, and there is no /run/systemd/system');
  expect(stderr).toContain('run the agent with --cgroup-driver cgroupfs');
});

test.each([
  [['--cgroup-driver', 'other'], 'cgroupfs, systemd'],
  [['--systemd-slice', 'isopod.slice'], 'means nothing to the cgroup driver cgroupfs'],
  [['--cgroup-driver', 'systemd', '--systemd-slice', '../x.slice'], 'no name of a slice'],
])('an agent with %j is told what is wrong', async (flags, reason) => {
  const { code, stderr } = await isopod.run(['agent', ...flags]);
  expect({ code, stderr }).toEqual({ code: 125, stderr: expect.stringContaining(reason) });
});
