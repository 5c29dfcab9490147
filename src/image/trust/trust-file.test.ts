import { rmSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { JudgedStore } from './judged-store.fixture.ts';

let judged: JudgedStore;

beforeEach(async () => {
  judged = await JudgedStore.start();
});

afterEach(async () => {
  await judged.stop();
});

test('a policy that is malformed is refused at the start, with its file and its reason', async () => {
  const path = judged.file('policy.json', '{"default": [{"type": "maybe"}]}');
  await expect(judged.trust().open()).rejects.toMatchObject({
    code: 'trust.malformedPolicy',
    kind: 'failed-precondition',
    message: expect.stringContaining(path),
  });
});

test('a policy that was named and is not there is refused at the start', async () => {
  await expect(judged.trust().open()).rejects.toMatchObject({ code: 'trust.unreadablePolicy' });
});

test('a change counts from the next pull on, and a malformed one lets nothing in', async () => {
  judged.push();
  const images = judged.images();
  const pull = () => images.pull(`${judged.registry.host}/app:1`);
  judged.require({ type: 'reject' });
  await expect(pull()).rejects.toMatchObject({ code: 'trust.refused' });
  judged.file('policy.json', '{');
  await expect(pull()).rejects.toMatchObject({ code: 'trust.malformedPolicy' });
  rmSync(judged.policyPath);
  await expect(pull()).rejects.toMatchObject({ code: 'trust.unreadablePolicy' });
  expect(await judged.store.files()).toEqual([]);
  judged.require({ type: 'insecureAcceptAnything' });
  await pull();
});

test('an image that was made here is not judged', async () => {
  judged.file('policy.json', '{"default": [{"type": "reject"}]}');
  const program = judged.file('hello', 'program');
  const images = judged.store.open({ trust: judged.trust(), embeddedPrograms: { hello: program } });
  expect((await images.pull('hello')).references).toEqual(['embedded:hello']);
});
