import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeEffects } from '../../base/effects/node-effects.ts';
import { parseImageReference, type RegistryReference } from '../../model/image-reference.ts';
import { JudgedStore } from './judged-store.fixture.ts';
import { lookasideFor } from './registries-directory.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isopod-registries-d-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

const write = (name: string, text: string): void => writeFileSync(join(directory, name), text);
const of = (image: string): Promise<string | undefined> =>
  lookasideFor(nodeEffects().files, directory, parseImageReference(image) as RegistryReference);

test('the longest scope that names a lookaside decides, over all files, and else the default', async () => {
  write(
    'default.yaml',
    'default-docker:\n  lookaside: https://all.example/\n  lookaside-staging: file:///var/staging\n',
  );
  write(
    'team.yaml',
    [
      'docker:',
      '  registry.example:',
      '    sigstore: file:///srv/old-word',
      '  registry.example/team:',
      '    use-sigstore-attachments: true',
      '  registry.example/team/app:',
      '    lookaside: https://team.example/signatures',
      '  "*.wild.example":',
      '    lookaside: https://wild.example',
    ].join('\n'),
  );
  write('ignored.conf', 'not: [yaml');
  expect(await of('registry.example/team/app:1')).toBe('https://team.example/signatures');
  expect(await of('registry.example/team/other')).toBe('file:///srv/old-word');
  expect(await of('a.wild.example/x')).toBe('https://wild.example');
  expect(await of('alpine')).toBe('https://all.example/');
});

test('without a directory, or without a word about an image, there is none', async () => {
  expect(await of('alpine')).toBeUndefined();
  rmSync(directory, { recursive: true });
  expect(await of('alpine')).toBeUndefined();
  mkdirSync(directory);
});

test.each<[string, string, RegExp]>([
  ['that is no YAML', 'docker: [', /broken\.yaml/],
  ['with a field that is not known', 'docker:\n  a.example:\n    lookasides: https://x', /unknown field "lookasides"/],
  ['with a kind of places that is not known', 'defaults: {}', /unknown field "defaults"/],
  ['that anybody on the way could change', 'default-docker:\n  lookaside: http://x/', /http:\/\/x/],
  ['that names itself again and again', `a: &a [x, x]\ndocker: { b: *a }`, /alias/i],
  ['that says what another one says', 'docker:\n  same.example: {}', /stands in .*also\.yaml, too/],
])('a file %s is refused by its name', async (_, text, why) => {
  write('also.yaml', 'docker:\n  same.example: {}\n');
  write('broken.yaml', text);
  await expect(of('alpine')).rejects.toMatchObject({
    code: 'trust.badRegistriesFile',
    kind: 'failed-precondition',
    message: expect.stringMatching(why),
  });
});

test('the one beside the policy is asked where the policy names no lookaside', async () => {
  const judged = await JudgedStore.start();
  try {
    judged.push();
    // The key ring is looked at first; what counts here is where signatures are sought.
    const keyPath = judged.file('ring.gpg', await ring());
    judged.require({ type: 'signedBy', keyType: 'GPGKeys', keyPath });
    const pull = () => judged.images().pull(`${judged.registry.host}/app:1`);
    await expect(pull()).rejects.toMatchObject({
      message: expect.stringContaining('no place, for neither the policy'),
    });
    mkdirSync(join(judged.place.root, 'registries.d'));
    judged.file('registries.d/local.yaml', `docker:\n  ${judged.registry.host}:\n    lookaside: file:///nonexistent\n`);
    await expect(pull()).rejects.toMatchObject({
      code: 'trust.unsigned',
      message: expect.stringContaining('looked at file:///nonexistent'),
    });
  } finally {
    await judged.stop();
  }
});

async function ring(): Promise<string> {
  const { generateKey } = await import('openpgp');
  const { publicKey } = await generateKey({ userIDs: [{ name: 'one', email: 'one@example.org' }], format: 'object' });
  return publicKey.armor();
}
