import { generateKeyPairSync, sign } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMessage, generateKey, sign as signMessage } from 'openpgp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { JudgedStore } from '../../src/image/trust/judged-store.fixture.ts';
import { payloadOf } from '../../src/image/trust/local-sigstore.fixture.ts';
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
    const trustOf = async () =>
      JSON.parse(await isopod.expect(['image', 'inspect', '--format', '{{json .trust}}', image]));
    await isopod.expect(['pull', '-q', image]);
    expect(await trustOf()).toMatchObject({ decision: 'accepted-unsigned', signatures: [] });
    writePolicy({ default: [{ type: 'sigstoreSigned', keyData }] });
    await isopod.expect(['pull', '-q', '--require-signature', image]);
    expect(await trustOf()).toMatchObject({
      decision: 'signed',
      signatures: [
        { requirement: 'sigstoreSigned', signer: { kind: 'key' }, digest: manifest.digest, reference: image },
      ],
    });
  });

  test('takes what a key of a GPG ring has signed, and nothing else', async () => {
    const { privateKey, publicKey } = await generateKey({ userIDs: [{ name: 'Builder' }], format: 'object' });
    const image = `${judged.registry.host}/app:5`;
    const { manifest } = judged.push('fifth', 'app', '5');
    const keyPath = join(directory, 'ring.gpg');
    writeFileSync(keyPath, publicKey.armor());
    const lookaside = `file://${directory}/lookaside`;
    writePolicy({ default: [{ type: 'signedBy', keyType: 'GPGKeys', keyPath, lookaside }] });
    const { code, stderr } = await isopod.run(['pull', '-q', image]);
    expect({ code, stderr }).toEqual({ code: 125, stderr: expect.stringContaining('signature') });
    const payload = Uint8Array.from(payloadOf(manifest.digest, image, 'atomic container signature'));
    const message = await createMessage({ binary: payload });
    const place = join(directory, 'lookaside', `app@${manifest.digest.replace(':', '=')}`);
    mkdirSync(place, { recursive: true });
    writeFileSync(
      join(place, 'signature-1'),
      await signMessage({ message, signingKeys: privateKey, format: 'binary' }),
    );
    await isopod.expect(['pull', '-q', image]);
    const trust = JSON.parse(await isopod.expect(['image', 'inspect', '--format', '{{json .trust}}', image]));
    expect(trust).toMatchObject({ decision: 'signed', signatures: [{ requirement: 'signedBy' }] });
  });

  test('judges what is loaded and what is copied, by the place that it comes from', async () => {
    const image = `${judged.registry.host}/app:4`;
    const archive = join(directory, 'saved.tar');
    judged.push('fourth', 'app', '4');
    writePolicy({ default: ACCEPT });
    await isopod.expect(['pull', '-q', image]);
    await isopod.expect(['save', '-o', archive, image]);
    await isopod.expect(['rmi', image]);
    writePolicy({
      default: ACCEPT,
      transports: { 'docker-archive': { '': REJECT }, docker: { [judged.registry.host]: REJECT } },
    });
    const refused = { code: 125, stderr: expect.stringContaining('is refused by the trust policy') };
    expect(await isopod.run(['load', '-q', '-i', archive])).toMatchObject(refused);
    expect(await isopod.run(['copy', '-q', image, `oci:${directory}/layout`])).toMatchObject(refused);
    expect(existsSync(join(directory, 'layout'))).toBe(false);
    writePolicy({ default: ACCEPT });
    for (const words of [
      ['load', '-q', '-i', archive],
      ['copy', '-q', image, `oci:${directory}/layout`],
    ]) {
      const { code, stderr } = await isopod.run([...words, '--require-signature']);
      expect({ code, stderr }).toEqual({ code: 125, stderr: expect.stringContaining('says of no key') });
      await isopod.expect(words);
    }
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
