import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { type BuiltImage, buildImage, buildIndex, layoutOf } from '../../src/image/built-image.fixture.ts';
import { writeTar } from '../../src/image/embedded/tar-writer.ts';
import { StoreFixture } from '../../src/image/store.fixture.ts';
import { TrustFile } from '../../src/image/trust/trust-file.ts';
import { isErrorOfKind } from '../../src/model/error.ts';
import { missingPrograms, type RegistryProgram, startRegistry } from '../support/registry.ts';

const missing = missingPrograms(['skopeo', 'docker-registry', 'gpg']);
const lacks = missing.length > 0 ? ` (lacks ${missing.join(', ')})` : '';

describe.skipIf(missing.length > 0)(`what skopeo has signed${lacks}`, () => {
  const directory = mkdtempSync(join(tmpdir(), 'isopod-signed-'));
  const policyPath = join(directory, 'policy.json');
  const store = new StoreFixture();
  const fingerprints = new Map<string, string>();
  const home = join(directory, 'gnupg');
  const lookaside = join(directory, 'lookaside');
  const registriesD = join(directory, 'registries.d');
  let registry: RegistryProgram;
  const env = { ...process.env, GNUPGHOME: home };
  const gpg = (...args: readonly string[]): Buffer => execFileSync('gpg', ['--batch', ...args], { env, stdio: 'pipe' });

  beforeAll(async () => {
    for (const path of [home, lookaside, registriesD]) mkdirSync(path, { mode: 0o700 });
    for (const user of ['ours', 'other']) {
      gpg('--passphrase', '', '--quick-gen-key', user, 'rsa2048', 'sign', 'never');
      writeFileSync(join(directory, `${user}.gpg`), gpg('--export', user));
      const listed = gpg('--with-colons', '--list-keys', user).toString();
      fingerprints.set(user, /^fpr:+([0-9A-F]{40}):/m.exec(listed)?.[1] ?? '');
    }
    writeFileSync(
      join(registriesD, 'default.yaml'),
      `default-docker:\n  sigstore: file://${lookaside}\n  sigstore-staging: file://${lookaside}\n`,
    );
    registry = await startRegistry();
  });
  afterAll(async () => {
    await registry?.stop();
    store.remove();
    execFileSync('gpgconf', ['--kill', 'gpg-agent'], { env });
    rmSync(directory, { recursive: true });
  });

  /** Copies an image of this name into the registry, signed by a user, and for an identity if one is given. */
  function publish(name: string, [user, ...identity]: readonly string[]): string {
    const key = user === undefined ? [] : ['--sign-by', fingerprints.get(user) ?? ''];
    const options = [...key, ...identity];
    const image = buildImage([writeTar([{ path: name, mode: 0o644, content: Buffer.from(name) }])]);
    const layout = writeLayout(name, image);
    const target = `docker://${registry.host}/${name}:1`;
    const flags = ['--insecure-policy', '--registries.d', registriesD, 'copy', '--quiet', '--dest-tls-verify=false'];
    execFileSync('skopeo', [...flags, ...options, `oci:${layout}:v1`, target], { env, stdio: 'pipe' });
    return `${registry.host}/${name}:1`;
  }

  function writeLayout(name: string, image: BuiltImage): string {
    const layout = join(directory, `layout-${name}`);
    for (const [path, bytes] of layoutOf(buildIndex([{ image, name: 'v1' }]), [image])) {
      mkdirSync(dirname(join(layout, path)), { recursive: true });
      writeFileSync(join(layout, path), bytes);
    }
    return layout;
  }

  function skopeoTakes(image: string, requirement: object): boolean {
    const path = join(directory, 'skopeo-policy.json');
    writeFileSync(path, JSON.stringify({ default: [requirement] }));
    const flags = ['--policy', path, '--registries.d', registriesD, 'copy', '--quiet', '--src-tls-verify=false'];
    const target = join(directory, 'taken');
    try {
      execFileSync('skopeo', [...flags, `docker://${image}`, `dir:${target}`], { env, stdio: 'pipe' });
      return true;
    } catch {
      return false;
    } finally {
      rmSync(target, { recursive: true, force: true });
    }
  }

  async function weTake(image: string, requirement: object): Promise<boolean> {
    writeFileSync(policyPath, JSON.stringify({ default: [{ ...requirement, lookaside: `file://${lookaside}` }] }));
    const trust = new TrustFile({ ...nodeEffects(), stallMs: 10_000 }, policyPath);
    try {
      await store.open({ trust }).pull(image);
      return true;
    } catch (error) {
      if (isErrorOfKind(error, 'permission-denied')) return false;
      throw error;
    }
  }

  const by = (user: string, signedIdentity?: object): object => ({
    type: 'signedBy',
    keyType: 'GPGKeys',
    keyPath: join(directory, `${user}.gpg`),
    ...(signedIdentity === undefined ? {} : { signedIdentity }),
  });

  test.each<[string, readonly string[], () => object, boolean]>([
    ['signed', ['ours'], () => by('ours'), true],
    ['signed-by-other', ['other'], () => by('ours'), false],
    ['unsigned', [], () => by('ours'), false],
    ['named', ['ours', '--sign-identity', 'h.example/app:1'], () => by('ours'), false],
    [
      'named-so',
      ['ours', '--sign-identity', 'h.example/app:1'],
      () => by('ours', { type: 'exactReference', dockerReference: 'h.example/app:1' }),
      true,
    ],
    [
      'named-so-repository',
      ['ours', '--sign-identity', 'h.example/app:1'],
      () => by('ours', { type: 'exactRepository', dockerRepository: 'h.example/app' }),
      true,
    ],
    [
      'remapped',
      ['ours', '--sign-identity', 'h.example/remapped:1'],
      () => by('ours', { type: 'remapIdentity', prefix: registry.host, signedPrefix: 'h.example' }),
      true,
    ],
    ['exact', ['ours'], () => by('ours', { type: 'matchExact' }), true],
    ['repository', ['ours'], () => by('ours', { type: 'matchRepository' }), true],
  ])('%s is taken by us where skopeo takes it, and by nobody else', async (name, options, requirement, taken) => {
    const image = publish(name, options);
    expect(skopeoTakes(image, requirement())).toBe(taken);
    expect(await weTake(image, requirement())).toBe(taken);
  });
});
