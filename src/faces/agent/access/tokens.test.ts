import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeEffects } from '../../../base/effects/node-effects.ts';
import { Tokens } from './tokens.ts';

let directory: string;
let path: string;
let nowMs = 0;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isopod-tokens-'));
  path = join(directory, 'tokens.json');
});
afterEach(() => rm(directory, { recursive: true }));

async function opened(): Promise<Tokens> {
  const { files, clock, random } = nodeEffects();
  const tokens = new Tokens({ files, clock: { ...clock, nowMs: () => nowMs }, random, path });
  await tokens.load();
  return tokens;
}

const SCOPE = { labels: { team: 'a' } };

test('a token is known by those who come later, with its grant', async () => {
  const { token, info } = await (await opened()).create({ name: 'ci', role: 'operate', scope: SCOPE });
  expect(token).toMatch(/^isopod_[0-9a-f]{8}_[\w-]{43}$/);
  const later = await opened();
  expect(later.verify(token)).toEqual({ name: `token ci (${info.id})`, grant: { role: 'operate', scope: SCOPE } });
});

test('nothing that is kept or listed lets anybody in, and only the owner may read it', async () => {
  const tokens = await opened();
  const { token } = await tokens.create({ name: 'ci', role: 'read' });
  const secret = token.split('_').slice(2).join('_');
  expect(await readFile(path, 'utf8')).not.toContain(secret);
  expect(JSON.stringify(tokens.list())).not.toContain(secret);
  expect(JSON.stringify(tokens.list())).not.toContain('hash');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test('a token of the right form with another secret is unknown', async () => {
  const tokens = await opened();
  const { token } = await tokens.create({ name: 'ci', role: 'read' });
  const last = token.endsWith('A') ? 'B' : 'A';
  for (const wrong of [`${token.slice(0, -1)}${last}`, `isopod_00000000_${'A'.repeat(43)}`, 'hello', '']) {
    expect(() => tokens.verify(wrong)).toThrow(
      expect.objectContaining({ kind: 'unauthenticated', code: 'access.badToken' }),
    );
  }
});

test('a token that was revoked, or has expired, lets nobody in', async () => {
  nowMs = 1_000;
  const tokens = await opened();
  const one = await tokens.create({ name: 'one', role: 'read' });
  const two = await tokens.create({ name: 'two', role: 'read', lifetimeMs: 5_000 });
  await tokens.revoke(one.info.id);
  expect(() => tokens.verify(one.token)).toThrow(/revoked/);
  expect((await opened()).list().map(({ name }) => name)).toEqual(['two']);
  nowMs = 5_999;
  expect(tokens.verify(two.token).name).toContain('two');
  nowMs = 6_000;
  expect(() => tokens.verify(two.token)).toThrow(/expired since 1970-01-01T00:00:06/);
  expect(tokens.isAny).toBe(false);
  await expect(tokens.revoke('00000000')).rejects.toMatchObject({ code: 'access.unknownToken' });
});

test('a damaged file lets nobody in, and is not written over', async () => {
  const { token } = await (await opened()).create({ name: 'ci', role: 'admin' });
  const text = (await readFile(path, 'utf8')).slice(0, -20);
  await writeFile(path, text);
  const tokens = await opened();
  expect(() => tokens.verify(token)).toThrow(expect.objectContaining({ code: 'access.damagedTokens' }));
  await expect(tokens.create({ name: 'x', role: 'read' })).rejects.toMatchObject({ code: 'access.damagedTokens' });
  expect(await readFile(path, 'utf8')).toBe(text);
});
