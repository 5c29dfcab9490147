import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Installation, until } from './support/installation.ts';

const LAYERS = (isopod: Installation): string => join(isopod.root, 'layers');

describe('the upkeep of images', () => {
  const isopod = new Installation();
  beforeAll(() => isopod.expect(['run', '--rm', 'hello']));
  afterAll(() => isopod.close());

  const imageNames = async (): Promise<readonly string[]> =>
    JSON.parse(await isopod.expect(['images', '--json'])).flatMap(
      ({ references }: { references: readonly string[] }) => references,
    );

  test('the use of the disk is told, by kind and for each image', async () => {
    await isopod.expect(['volume', 'create', 'idle']);
    await isopod.expect(['run', '--name', 'ended', '-v', 'kept:/data', 'hello']);
    const report = JSON.parse(await isopod.expect(['system', 'df', '--json']));
    expect(report.images.images).toMatchObject([{ references: ['embedded:hello'], inUse: true }]);
    expect(report.images.unpackedBytes).toBeGreaterThan(0);
    expect(report.images.reclaimableBytes).toBe(0);
    expect(report.containers).toMatchObject({ total: 1, active: 0 });
    expect(report.containers.reclaimableBytes).toBe(report.containers.sizeBytes);
    const [{ uid }] = report.containers.containers;
    expect(report.containers.containers).toMatchObject([{ name: 'ended', image: 'hello', volumes: ['kept'] }]);
    const [kept, idle] = [
      { name: 'kept', users: [uid] },
      { name: 'idle', users: [] },
    ];
    expect(report.volumes).toMatchObject({ total: 2, active: 1 });
    expect(report.volumes.volumes).toEqual(
      expect.arrayContaining([kept, idle].map((one) => expect.objectContaining(one))),
    );
    expect(report.images.layers).toMatchObject([{ images: [report.images.images[0].id] }]);
    const shown = await isopod.expect(['system', 'df', '-v']);
    expect(shown).toMatch(/^TYPE +TOTAL +ACTIVE +SIZE +RECLAIMABLE$/m);
    expect(shown).toMatch(/^embedded:hello .* now$/m);
    expect(shown).toMatch(/^[0-9a-f]{12} .* 1 +embedded:hello$/m);
    expect(shown).toMatch(new RegExp(`^${uid} +ended +hello +\\S+ +1 `, 'm'));
    expect(shown).toMatch(/^kept +1 /m);
    await isopod.expect(['rm', 'ended']);
    await isopod.expect(['volume', 'rm', 'kept', 'idle']);
  });

  test('an image that was tampered with is found, and repaired', async () => {
    expect(await isopod.expect(['image', 'verify'])).toBe('embedded:hello: as it came');
    const [layer = ''] = readdirSync(LAYERS(isopod));
    const program = join(LAYERS(isopod), layer, 'hello');
    const bytes = readFileSync(program);
    writeFileSync(program, 'other');
    const found = await isopod.run(['image', 'verify', 'hello']);
    expect([found.code, found.stdout]).toEqual([1, expect.stringMatching(/1 fault\n {2}tree .*hello .*--repair/)]);
    const repaired = await isopod.run(['image', 'verify', '--repair', '--json', 'hello']);
    expect([repaired.code, JSON.parse(repaired.stdout)]).toMatchObject([0, [{ faults: [{ isRepaired: true }] }]]);
    expect(readFileSync(program).equals(bytes)).toBe(true);
    expect((await isopod.run(['image', 'verify', 'nothing'])).code).not.toBe(0);
  });

  test('a prune tells what would go, leaves what was used lately, and takes the rest', async () => {
    expect(await isopod.expect(['image', 'prune', '--dry-run', '-a'])).toMatch(
      /^would untag embedded:hello\nwould delete sha.*\nwould reclaim \d/,
    );
    expect(await isopod.expect(['image', 'prune', '-a', '--older-than', '24h'])).toBe('reclaimed 0 B');
    expect(await isopod.expect(['image', 'prune', '-a', '--filter', 'label=none'])).toBe('reclaimed 0 B');
    expect(await imageNames()).toEqual(['embedded:hello']);
    expect(await isopod.expect(['image', 'prune', '-a'])).toMatch(/reclaimed \d.* [kM]B$/);
    expect(await imageNames()).toEqual([]);
    expect(readdirSync(LAYERS(isopod))).toEqual([]);
  });

  test('a policy that says nothing is refused', async () => {
    const { code, stderr } = await isopod.run(['agent', '--image-gc', 'low=80%']);
    expect([code, stderr]).toEqual([125, expect.stringContaining('--image-gc "low=80%"')]);
  });
});

describe('an agent with a policy of collection', () => {
  const isopod = new Installation();
  let agent: ChildProcess;
  beforeAll(async () => {
    agent = isopod.start(['agent', '--image-gc', 'older-than=3s,every=1s']);
    await until('the agent listens', () => existsSync(join(isopod.state, 'agent.sock')));
  });
  afterAll(async () => {
    agent.kill('SIGTERM');
    await isopod.close();
  });

  test('collects an image once no container has it', async () => {
    const layers = (): readonly string[] => (existsSync(LAYERS(isopod)) ? readdirSync(LAYERS(isopod)) : []);
    await isopod.expect(['run', '-d', '--name', 'one', '--restart', 'no', 'hello']);
    await isopod.expect(['wait', 'one']);
    expect(layers()).toHaveLength(1);
    await isopod.expect(['rm', 'one']);
    await until('it is collected', () => layers().length === 0);
    expect(JSON.parse(await isopod.expect(['images', '--json']))).toEqual([]);
  });
});
