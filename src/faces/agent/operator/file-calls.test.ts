import { afterEach, beforeEach, expect, test } from 'vitest';
import { completeConfig } from '../../../model/container-request.ts';
import { MAX_FILE_PART_BYTES } from '../../../model/wire.ts';
import { fakeEngine, statusOf } from '../fake-engine.fixture.ts';
import { ServedAgent } from '../served-agent.fixture.ts';

const STATUS = statusOf(completeConfig({ rootfs: { kind: 'none' }, command: ['true'], name: 'web' }));
const FILE = { name: 'out', mode: 0o100644, uid: 5, gid: 6, links: 1, sizeBytes: 3 };
let agent: ServedAgent;
let asked: unknown[];
let isComplete: boolean;
let mtimeNs: bigint;

beforeEach(async () => {
  asked = [];
  isComplete = true;
  mtimeNs = 7_000n;
  agent = await ServedAgent.listen();
  agent.server.serve(
    fakeEngine({
      check: async (id) => (id === 'web' ? STATUS : undefined),
      list: async () => [STATUS],
      sandboxes: {
        list: async (...words) => {
          asked.push(words);
          return { entries: [{ ...FILE, mtimeNs }], isComplete };
        },
        read: async (...words) => {
          asked.push(words);
          return { sizeBytes: 9, data: Buffer.from('abc') };
        },
      },
    }),
  );
});
afterEach(() => agent.close());

test('files are listed with the names and the units of the operator API', async () => {
  expect((await agent.call('LIST_FILES', { path: 'web/logs/' })).json()).toEqual({
    type: 'LIST_FILES',
    list_files: {
      file_infos: [
        {
          ...{ path: 'web/logs/out', nlink: 1, size: 3, mtime: { nanoseconds: 7_000 }, mode: 0o100644 },
          ...{ uid: '5', gid: '6' },
        },
      ],
    },
  });
  expect(asked).toEqual([[STATUS.uid, 'logs/']]);
});

test('a time is told to the last nanosecond, which no double could hold', async () => {
  mtimeNs = 1_764_316_801_123_456_789n;
  const { text } = await agent.call('LIST_FILES', { path: 'web' });
  expect(text).toContain('"mtime":{"nanoseconds":1764316801123456789}');
});

test('a part of a file comes in base64 beside the size of the whole', async () => {
  const answer = await agent.call('READ_FILE', { path: '/web/out', offset: 2, length: 3 });
  expect(answer.json()).toEqual({ type: 'READ_FILE', read_file: { size: 9, data: 'YWJj' } });
  await agent.call('READ_FILE', { path: 'web/out', offset: 0, length: 1e9 });
  expect(asked).toEqual([
    [STATUS.uid, 'out', { offset: 2, length: 3 }],
    [STATUS.uid, 'out', { offset: 0, length: MAX_FILE_PART_BYTES }],
  ]);
});

test('the host path of a sandbox directory names it, too, and no other path does', async () => {
  expect((await agent.call('LIST_FILES', { path: `${STATUS.sandboxDir}/logs` })).status).toBe(200);
  expect(asked).toEqual([[STATUS.uid, 'logs']]);
  for (const path of ['/etc/passwd', 'db/out', `${STATUS.sandboxDir}-other/x`, '/']) {
    expect([path, (await agent.call('READ_FILE', { path, offset: 0 })).status]).toEqual([path, 404]);
  }
});

test('a directory of which only a part fits is not told as if it were all', async () => {
  isComplete = false;
  expect((await agent.call('LIST_FILES', { path: 'web' })).text).toContain('more entries than the 1 that fit');
});

test('a path that is empty, and an offset below 0, are refused', async () => {
  expect((await agent.call('LIST_FILES', { path: '' })).status).toBe(400);
  expect((await agent.call('READ_FILE', { path: 'web/x', offset: -1 })).status).toBe(400);
});
