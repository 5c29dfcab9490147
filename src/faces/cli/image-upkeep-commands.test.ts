import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import type { AgentClient } from './agent-client.ts';
import type { CliContext } from './context.ts';
import { pruneImagesCommand } from './image-upkeep-commands.ts';

const PRUNED = {
  untagged: ['a:1'],
  deleted: ['sha256:1'],
  partials: ['sha256:2'],
  leftovers: ['sha256:3'],
  reclaimedBytes: 1500,
  heldBytes: 0,
};

async function told(dryRun: boolean, answer: object): Promise<string> {
  const stdout = new PassThrough();
  const client = { call: async () => answer } as unknown as AgentClient;
  await pruneImagesCommand({ stdout } as unknown as CliContext, client, { dryRun });
  return String(stdout.read());
}

test('a prune tells in the past tense what is gone', async () => {
  expect(await told(false, PRUNED)).toBe(
    'untagged a:1\ndeleted sha256:1\ndeleted partial download sha256:2\ndeleted sha256:3, which no image had\nreclaimed 1.5 kB\n',
  );
});

test('a dry run says of everything that it would', async () => {
  expect(await told(true, PRUNED)).toBe(
    'would untag a:1\nwould delete sha256:1\nwould delete partial download sha256:2\nwould delete sha256:3, which no image had\nwould reclaim 1.5 kB\n',
  );
});

test.each([
  [false, 'reclaimed 0 B\nkept 2.0 kB: a pull, a load or a commit that is under way needs it\n'],
  [true, 'would reclaim 0 B\nwould keep 2.0 kB: a pull, a load or a commit that is under way needs it\n'],
])('what is kept for a pull is told (dry run: %s)', async (dryRun, text) => {
  const nothing = { untagged: [], deleted: [], partials: [], leftovers: [], reclaimedBytes: 0, heldBytes: 2000 };
  expect(await told(dryRun, nothing)).toBe(text);
});
