import { readFileSync, readlinkSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { readCgroupHierarchies } from '../../src/linux/cgroup-mounts.ts';
import { Installation } from './support/installation.ts';

const SECRET = 'ISOPOD_TEST_SECRET';
let isopod: Installation;
let agent: number;

beforeAll(async () => {
  isopod = new Installation();
  process.env[SECRET] = 'of whoever starts the agent';
  try {
    agent = await isopod.agentPid();
  } finally {
    delete process.env[SECRET];
  }
});
afterAll(() => isopod.close());

const proc = (name: string): string => readFileSync(`/proc/${agent}/${name}`, 'utf8');

test('an agent that a command started learns only what is on the list', () => {
  const names = proc('environ')
    .split('\0')
    .map((entry) => entry.split('=')[0] ?? '')
    .filter(Boolean);
  expect(names).toContain('PATH');
  expect(names).not.toContain(SECRET);
  expect(names.filter((name) => name.startsWith('ISOPOD_') && name !== 'ISOPOD_ALLOW_NAMESPACES')).toEqual([]);
});

test('it depends on nothing of its caller: session, directory, umask, input, groups of every hierarchy', async () => {
  const [, , , session] = proc('stat').split(') ')[1]?.split(' ') ?? [];
  expect(Number(session)).toBe(agent);
  expect(readlinkSync(`/proc/${agent}/cwd`)).toBe('/');
  expect(proc('status')).toMatch(/^Umask:\s+0022$/m);
  expect(readlinkSync(`/proc/${agent}/fd/0`)).toBe('/dev/null');
  // A hierarchy may live on unmounted, where nobody can leave anything.
  const mounted = (await readCgroupHierarchies(nodeEffects().files)).map(({ version, controllers }) =>
    version === 2 ? '' : controllers.join(','),
  );
  const groups = new Map(
    proc('cgroup')
      .trim()
      .split('\n')
      .map((line) => [line.split(':')[1], line]),
  );
  expect(mounted.length).toBeGreaterThan(0);
  for (const hierarchy of mounted) expect(groups.get(hierarchy)).toMatch(/:\/isopod-[0-9a-f]+\/engine$/);
});
