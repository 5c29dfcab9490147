import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BuiltImage, buildImage, buildIndex, layoutOf } from '../../src/image/built-image.fixture.ts';
import { writeTar } from '../../src/image/embedded/tar-writer.ts';
import { JudgedStore } from '../../src/image/trust/judged-store.fixture.ts';
import { payloadOf } from '../../src/image/trust/local-sigstore.fixture.ts';
import { missingPrograms, type RegistryProgram, startRegistry } from '../support/registry.ts';
import { Installation, until } from './support/installation.ts';

const directory = mkdtempSync(join(tmpdir(), 'isopod-trust-'));
const policyPath = join(directory, 'policy.json');

afterAll(() => rmSync(directory, { recursive: true }));

function writePolicy(policy: unknown): void {
  writeFileSync(policyPath, typeof policy === 'string' ? policy : JSON.stringify(policy));
}

const ACCEPT = [{ type: 'insecureAcceptAnything' }];
const REJECT = [{ type: 'reject' }];

describe('an agent with a trust policy', () => {
  const isopod = new Installation();
  let agent: ReturnType<Installation['start']>;
  let judged: JudgedStore;
  beforeAll(async () => {
    judged = await JudgedStore.start();
    writePolicy({ default: ACCEPT });
    agent = isopod.start(['agent', '--trust-policy', policyPath]);
    await until('it serves', () => existsSync(join(isopod.state, 'agent.sock')));
  });
  afterAll(async () => {
    writePolicy({ default: ACCEPT });
    await isopod.close();
    agent.kill();
    await judged.stop();
  });

  test('refuses what the policy refuses, with its scope, and goes on with the rest', async () => {
    judged.push();
    const image = `${judged.registry.host}/app:1`;
    writePolicy({ default: ACCEPT, transports: { docker: { [judged.registry.host]: REJECT } } });
    const { code, stderr } = await isopod.run(['pull', '-q', image]);
    expect({ code, stderr }).toEqual({ code: 125, stderr: expect.stringContaining('is refused by the trust policy') });
    expect(await isopod.expect(['images', '-q'])).toBe('');
    await isopod.expect(['run', '--rm', 'hello']);
  });

  test('takes a signature when --require-signature asks for one, for a run as for a pull', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const image = `${judged.registry.host}/app:2`;
    const { manifest } = judged.push('signed', 'app', '2');
    writePolicy({ default: ACCEPT });
    for (const words of [
      ['pull', '-q'],
      ['run', '--rm'],
    ]) {
      const { code, stderr } = await isopod.run([...words, '--require-signature', image]);
      expect({ code, stderr }).toEqual({ code: 125, stderr: expect.stringContaining('says of no key') });
    }
    expect((await isopod.run(['run', '--rm', '--require-signature', '--pull', 'never', image])).code).toBe(125);
    const bytes = payloadOf(manifest.digest, image);
    const annotations = { 'dev.cosignproject.cosign/signature': sign('sha256', bytes, privateKey).toString('base64') };
    judged.putSignatures(manifest.digest, [{ bytes, annotations }]);
    const keyData = Buffer.from(publicKey.export({ format: 'pem', type: 'spki' })).toString('base64');
    writePolicy({ default: [{ type: 'sigstoreSigned', keyData }] });
    await isopod.expect(['pull', '-q', '--require-signature', image]);
  });

  test('keeps everything out while the policy is malformed', async () => {
    const image = `${judged.registry.host}/app:3`;
    judged.push('third', 'app', '3');
    writePolicy('{');
    const { code, stderr } = await isopod.run(['pull', '-q', image]);
    expect({ code, stderr }).toEqual({ code: 125, stderr: expect.stringContaining(`${policyPath} is malformed`) });
    writePolicy({ default: ACCEPT });
    await isopod.expect(['pull', '-q', image]);
  });

  test('does not start with a malformed policy, and says which file it is', async () => {
    const path = join(directory, 'bad.json');
    writeFileSync(path, '{"default": []}');
    const other = new Installation();
    const { code, stderr } = await other.run(['agent', '--trust-policy', path]);
    expect({ code, stderr }).toEqual({ code: 125, stderr: expect.stringContaining(path) });
    rmSync(other.directory, { recursive: true });
  });
});

const missing = missingPrograms(['skopeo', 'docker-registry', 'gpg']);
const lacks = missing.length > 0 ? ` (lacks ${missing.join(', ')})` : '';

describe.skipIf(missing.length > 0)(`what skopeo has signed${lacks}`, () => {
  const isopod = new Installation();
  const home = join(directory, 'gnupg');
  const lookaside = join(directory, 'lookaside');
  const registriesD = join(directory, 'registries.d');
  let agent: ReturnType<Installation['start']>;
  let registry: RegistryProgram;
  const env = { ...process.env, GNUPGHOME: home };
  const gpg = (...args: readonly string[]): Buffer => execFileSync('gpg', ['--batch', ...args], { env, stdio: 'pipe' });

  beforeAll(async () => {
    for (const path of [home, lookaside, registriesD]) mkdirSync(path, { mode: 0o700 });
    for (const user of ['ours', 'other']) gpg('--passphrase', '', '--quick-gen-key', user, 'rsa2048', 'sign', 'never');
    for (const user of ['ours', 'other']) writeFileSync(join(directory, `${user}.gpg`), gpg('--export', user));
    writeFileSync(
      join(registriesD, 'default.yaml'),
      `default-docker:\n  sigstore: file://${lookaside}\n  sigstore-staging: file://${lookaside}\n`,
    );
    registry = await startRegistry();
    writePolicy({ default: ACCEPT });
    agent = isopod.start(['agent', '--trust-policy', policyPath]);
    await until('it serves', () => existsSync(join(isopod.state, 'agent.sock')));
  });
  afterAll(async () => {
    writePolicy({ default: ACCEPT });
    await isopod.close();
    agent.kill();
    await registry?.stop();
    execFileSync('gpgconf', ['--kill', 'gpg-agent'], { env });
  });

  /** Copies an image of this name into the registry, signed as the options say. */
  function publish(name: string, options: readonly string[]): string {
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
    writePolicy({ default: [{ ...requirement, lookaside: `file://${lookaside}` }] });
    const { code, stderr } = await isopod.run(['pull', '-q', image]);
    if (code !== 0) expect(stderr).toMatch(/trust policy/);
    return code === 0;
  }

  const by = (user: string, signedIdentity?: object): object => ({
    type: 'signedBy',
    keyType: 'GPGKeys',
    keyPath: join(directory, `${user}.gpg`),
    ...(signedIdentity === undefined ? {} : { signedIdentity }),
  });

  test.each<[string, readonly string[], () => object, boolean]>([
    ['signed', ['--sign-by', 'ours'], () => by('ours'), true],
    ['signed-by-other', ['--sign-by', 'other'], () => by('ours'), false],
    ['unsigned', [], () => by('ours'), false],
    ['named', ['--sign-by', 'ours', '--sign-identity', 'h.example/app:1'], () => by('ours'), false],
    [
      'named-so',
      ['--sign-by', 'ours', '--sign-identity', 'h.example/app:1'],
      () => by('ours', { type: 'exactReference', dockerReference: 'h.example/app:1' }),
      true,
    ],
    [
      'named-so-repository',
      ['--sign-by', 'ours', '--sign-identity', 'h.example/app:1'],
      () => by('ours', { type: 'exactRepository', dockerRepository: 'h.example/app' }),
      true,
    ],
    [
      'remapped',
      ['--sign-by', 'ours', '--sign-identity', 'h.example/remapped:1'],
      () => by('ours', { type: 'remapIdentity', prefix: registry.host, signedPrefix: 'h.example' }),
      true,
    ],
    ['exact', ['--sign-by', 'ours'], () => by('ours', { type: 'matchExact' }), true],
    ['repository', ['--sign-by', 'ours'], () => by('ours', { type: 'matchRepository' }), true],
  ])('%s is taken by us where skopeo takes it, and by nobody else', async (name, options, requirement, taken) => {
    const image = publish(name, options);
    expect(skopeoTakes(image, requirement())).toBe(taken);
    expect(await weTake(image, requirement())).toBe(taken);
  });
});
