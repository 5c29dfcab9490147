import { expect, test } from 'vitest';
import { EngineError } from '../../model/error.ts';
import type { AgentClient } from './agent-client.ts';
import { comesForPlatform } from './image-platform.ts';

const client = (platform: string | undefined): Pick<AgentClient, 'call'> => ({
  call: async <Value>() => {
    if (platform === undefined) throw new EngineError({ kind: 'not-found', code: 'images.unknown', message: 'none' });
    return { platform } as Value;
  },
});

test.each([
  ['linux/arm64', 'linux/arm64', 'missing', false],
  ['linux/arm64', 'arm64', 'never', false],
  ['linux/amd64', 'linux/arm64', 'missing', true],
  ['linux/arm', 'linux/arm/v7', 'missing', true],
  ['linux/arm64', 'Linux/aarch64', 'never', false],
  [undefined, 'linux/arm64', 'missing', true],
  [undefined, 'linux/arm64', 'never', false],
  ['linux/arm64', 'linux/arm64', 'never', false],
])('an image that is here for %s, wanted for %s, pull %s: it comes: %s', async (found, platform, pull, comes) => {
  expect(await comesForPlatform(client(found), { reference: 'app', platform, pull })).toBe(comes);
});

test('one that would have to come and may not is told with both platforms', async () => {
  const wanted = { reference: 'app', platform: 'linux/arm64', pull: 'never' };
  await expect(comesForPlatform(client('linux/amd64'), wanted)).rejects.toMatchObject({
    code: 'cli.otherPlatform',
    message: expect.stringMatching(/linux\/amd64.*linux\/arm64/),
  });
});
