import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Authority } from './authority.fixture.ts';
import { IMAGE, Mirrored } from './mirrored.fixture.ts';
import { connectionError } from './network-errors.ts';
import { faultOfClient } from './pem.ts';

const { signal } = new AbortController();
let hosts: Mirrored;
let authority: Authority;
let ours: Authority;
const servers: Server[] = [];

beforeEach(async () => {
  hosts = await Mirrored.start();
  authority = new Authority(hosts.directory, 'authority');
  ours = new Authority(hosts.directory, 'ours');
});
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  await hosts.stop();
});

/** A registry with a certificate of `authority`, which serves the image. @returns its address */
async function serveTls(options: ServerOptions = {}): Promise<string> {
  const { certificate, key } = authority.sign('localhost', 'server');
  const server = createServer(
    { cert: readFileSync(certificate), key: readFileSync(key), ...options },
    (_, response) => {
      response.setHeader('content-type', IMAGE.manifest.mediaType).end(IMAGE.manifest.bytes);
    },
  );
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const wantsOurs = (): ServerOptions => ({
  ...{ ca: readFileSync(ours.certificate), requestCert: true, rejectUnauthorized: true },
});

/** Both in one file. */
function combined(of: Authority, name: string): string {
  const { certificate, key } = of.sign(name);
  const path = join(hosts.directory, `${name}-both.pem`);
  writeFileSync(path, `${readFileSync(key, 'utf8')}${readFileSync(certificate, 'utf8')}`);
  return path;
}

async function rootFrom(registry: string): Promise<void> {
  const { bytes } = await hosts.open(undefined, hosts.registries(), registry).root(signal);
  expect(Buffer.from(bytes).equals(IMAGE.manifest.bytes)).toBe(true);
}

test.each([
  ['ca = "missing.pem"', '.ca names', 'which cannot be read: ENOENT'],
  ['ca = "../note"', '.ca names', 'which holds no certificate'],
  ['ca = "../broken"', '.ca names', 'which holds a broken certificate (1 of 1)'],
  ['client = "../authority.pem"', '.client names', 'which holds no private key'],
  ['client = [["../authority.pem", "../ours.key"]]', '.client names', 'which holds a key that is not that of'],
  ['client = [["../note", "../ours.key"]]', '.client names', 'which holds no certificate'],
])(
  'a mirror with %s is refused by file, host and field, though another host has the image',
  async (field, ...parts) => {
    writeFileSync(join(hosts.directory, 'note'), 'to do\n');
    writeFileSync(join(hosts.directory, 'broken'), '-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n');
    const path = hosts.sayMirror(field);
    const error = await hosts
      .open()
      .root(signal)
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'registry-hosts.unusableFile', kind: 'failed-precondition' });
    expect(error).toMatchObject({ remedy: expect.any(String) });
    for (const part of [`${path}: host."http://${hosts.mirror.host}"`, ...parts]) expect(String(error)).toContain(part);
  },
);

test('a file of a folder as Docker has it is refused by its name alone', async () => {
  const file = hosts.say([]);
  const path = file.replace('hosts.toml', 'ca.crt');
  renameSync(file, path);
  await expect(hosts.open().root(signal)).rejects.toMatchObject({ message: `${path} holds no certificate` });
});

test('a key with a passphrase is refused as such', () => {
  const certificate = readFileSync(ours.certificate, 'utf8');
  const key = '-----BEGIN ENCRYPTED PRIVATE KEY-----\nYWJj\n-----END ENCRYPTED PRIVATE KEY-----\n';
  expect(faultOfClient(certificate, key)).toMatchObject({ of: 'key', reason: expect.stringContaining('key') });
});

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'of several certificates of ours the one that the host takes is found (%s)',
  async (maxVersion) => {
    const registry = await serveTls({ ...wantsOurs(), maxVersion });
    const [wrong, right] = [combined(authority, 'wrong'), combined(ours, 'right')];
    const pair = ours.sign('pair');
    for (const client of [
      `["${wrong}", "${right}"]`,
      `[["${wrong}", ""], ["${pair.certificate}", "${pair.key}"]]`,
      `"${right}"`,
    ]) {
      hosts.say([`ca = "${authority.certificate}"`, `client = ${client}`], registry);
      await rootFrom(registry);
    }
  },
);

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'a host that asks for a certificate of ours is told so, with how to give one (%s)',
  async (maxVersion) => {
    const registry = await serveTls({ ...wantsOurs(), maxVersion });
    hosts.say([`ca = "${authority.certificate}"`], registry);
    const error = await rootFrom(registry).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'registry.clientWanted',
      remedy: expect.stringContaining('client in the hosts.toml'),
    });
    expect(String(error)).not.toContain('SSL routines');
  },
);

test('a host that does not take our certificate is told with its file', async () => {
  const registry = await serveTls(wantsOurs());
  const wrong = combined(authority, 'wrong');
  hosts.say([`ca = "${authority.certificate}"`, `client = "${wrong}"`], registry);
  await expect(rootFrom(registry)).rejects.toMatchObject({ message: expect.stringContaining(wrong) });
});

test('the alert by which a host refuses our certificate is told in words', () => {
  const said =
    '409D:error:0A000418:SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca:rec.c:918:SSL alert number 48\n';
  const error = connectionError(new URL('https://a.example'), new Error(said), { certificate: '/me.pem' });
  expect(error.message).toBe('registry a.example does not accept our client certificate /me.pem: unknown authority');
});

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'plain HTTP to a host that speaks TLS is told at once, with how to write it (%s)',
  async (maxVersion) => {
    for (const options of [{}, wantsOurs()]) {
      const registry = await serveTls({ ...options, maxVersion });
      hosts.say([`server = "http://${registry}"`], registry);
      const attempts: unknown[] = [];
      const reference = { kind: 'registry', registry, repository: 'app', tag: '1', digest: undefined } as const;
      const source = hosts.registries().source(reference, undefined, (notice) => attempts.push(notice));
      await expect(source.root(signal)).rejects.toMatchObject({
        message: `registry ${registry} does not understand plain HTTP: it speaks TLS there`,
        remedy: expect.stringContaining(`server = "https://${registry}"`),
      });
      source.close();
      expect(attempts).toEqual([]);
    }
  },
);

test('a host that closes connections of plain HTTP and speaks no TLS either is asked again', async () => {
  let closes = 2;
  hosts.registry.misbehave = (_request, response) => {
    if (closes-- <= 0) return false;
    response.destroy();
    return true;
  };
  await rootFrom(hosts.registry.host);
});

test('TLS to a host that speaks plain HTTP is told, with how to write it', async () => {
  const { host } = hosts.registry;
  hosts.say([`server = "https://${host}"`]);
  await expect(rootFrom(host)).rejects.toMatchObject({
    code: 'registry.notTls',
    remedy: expect.stringContaining(`server = "http://${host}"`),
  });
});

test('a line of OpenSSL is told by its reason', () => {
  const said = 'write EPROTO 40FD:error:0A0000BF:SSL routines:tls_setup_handshake:no protocols available:s.c:350:\n';
  const error = connectionError(new URL('https://a.example'), new Error(said));
  expect(error.message).toBe('cannot reach registry a.example: TLS: no protocols available');
});
