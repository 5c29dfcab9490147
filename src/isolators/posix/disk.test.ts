import { expect, test } from 'vitest';
import { isolatorContract } from '../isolator.contract.ts';
import { hostTreeInput, isolatedContainer } from '../isolator.fixture.ts';
import { posixDisk } from './disk.ts';

const LIMIT = 8 << 20;
const ROOT = '/var/lib/isopod/containers/0123456789ab';
const measureDisk = async () => ({ bytes: LIMIT + 1, entries: 3, unread: 0 });

isolatorContract(() => posixDisk({ measureDisk }), hostTreeInput());

test('what a container keeps is counted, and bounded where it has a limit', () => {
  const isolator = posixDisk({ measureDisk });
  const counted = { way: 'accounting', counted: [ROOT] } as const;
  expect(isolator.plan(hostTreeInput())).toEqual({ diskQuota: { ...counted, enforced: false } });
  const bounded = { ...counted, limitBytes: LIMIT, enforced: true };
  expect(isolator.plan(hostTreeInput({ diskLimitBytes: LIMIT }))).toEqual({ diskQuota: bounded });
  const observed = hostTreeInput({ diskLimitBytes: LIMIT, diskEnforcement: 'observe' });
  expect(isolator.plan(observed)).toEqual({ diskQuota: { ...bounded, enforced: false } });
});

test('a way that the launcher has not is refused by name', () => {
  const isolator = posixDisk({ measureDisk });
  const image = hostTreeInput({ diskLimitBytes: LIMIT, diskEnforcement: 'image' });
  expect(() => isolator.plan(image)).toThrow('to be kept by image, and the launcher posix only counts');
});

test('a container past its limit is told so, in the name of this isolator', async () => {
  const isolator = posixDisk({ measureDisk }, 500);
  const { diskQuota } = isolator.plan(hostTreeInput({ diskLimitBytes: LIMIT }));
  if (diskQuota === undefined) throw new Error('no quota');
  const container = { ...isolatedContainer(), diskQuota };
  expect(isolator.watch?.(container)).toEqual({ kind: 'polled', everyMs: 500 });
  await isolator.measure?.(container);
  expect(await isolator.limitation?.(container)).toMatchObject({
    isolator: 'posix/disk',
    statistics: { diskUsedBytes: LIMIT + 1, diskLimitBytes: LIMIT },
  });
});
