import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeEffects } from '../../base/effects/node-effects.ts';
import { mirroredNamespace, parseHostsFile } from './host-settings.ts';
import { readHosts } from './hosts-directory.ts';

const parse = (text: string, registry = 'docker.io') =>
  parseHostsFile(text, { path: '/etc/x/hosts.toml', directory: '/etc/x', registry });

test('hosts come in the order in which they are written, the server last', () => {
  const hosts = parse(`
    server = "https://registry-1.docker.io"
    [host."https://first.example"]
      capabilities = ["pull"]
    [host."http://second.example:5000/cache"]
      skip_verify = true
  `);
  expect(hosts.map(({ base }) => base.href)).toEqual([
    'https://first.example/v2/',
    'http://second.example:5000/cache/v2/',
    'https://registry-1.docker.io/v2/',
  ]);
  expect(hosts.map(({ capabilities }) => [...capabilities].join())).toEqual([
    'pull',
    'pull,resolve,push,referrers',
    'pull,resolve,push,referrers',
  ]);
  expect(hosts.map(({ isOwn }) => isOwn)).toEqual([false, false, true]);
  expect(hosts.map((host) => mirroredNamespace(host, 'docker.io'))).toEqual(['docker.io', 'docker.io', undefined]);
});

test.each([
  ['docker.io', 'https://registry-1.docker.io', undefined],
  ['a.example', 'https://a.example:443', undefined],
  ['a.example:443', 'https://a.example', undefined],
  ['a.example:80', 'http://a.example', undefined],
  ['a.example:5000', 'https://a.example:5000/cache', undefined],
  ['a.example', 'https://a.example:5000', 'a.example'],
  ['a.example', 'https://b.example', 'a.example'],
  ['a.example:443', 'http://a.example', 'a.example:443'],
])('the server of %s at %s is told as ns: %s', (registry, server, namespace) => {
  const [host] = parse(`server = "${server}"`, registry);
  expect(host).toMatchObject({ isServer: true, isOwn: namespace === undefined });
  expect(host && mirroredNamespace(host, registry)).toBe(namespace);
});

test('a file without a server has the registry itself as one', () => {
  expect(parse('', 'quay.io').map(({ base }) => base.href)).toEqual(['https://quay.io/v2/']);
});

test.each([
  ['https://a.example', false, 'https://a.example/v2/'],
  ['https://a.example/v2', false, 'https://a.example/v2/'],
  ['https://a.example/v2/', true, 'https://a.example/v2/'],
  ['https://a.example/api/docker', true, 'https://a.example/api/docker/'],
  ['a.example:5000', false, 'https://a.example:5000/v2/'],
])('the API of %s, its path overriding: %s, is at %s', (address, isOverriding, base) => {
  const text = `[host."${address}"]\noverride_path = ${isOverriding}`;
  expect(parse(text)[0]?.base.href).toBe(base);
});

test.each([
  ['ca = "ca.pem"', { authorityPaths: ['/etc/x/ca.pem'] }],
  ['ca = ["/a.pem", "b.pem"]', { authorityPaths: ['/a.pem', '/etc/x/b.pem'] }],
  ['client = "both.pem"', { clientPaths: [{ certificate: '/etc/x/both.pem', key: '/etc/x/both.pem' }] }],
  [
    'client = ["cl1.pem", "cl2.pem"]',
    {
      clientPaths: [
        { certificate: '/etc/x/cl1.pem', key: '/etc/x/cl1.pem' },
        { certificate: '/etc/x/cl2.pem', key: '/etc/x/cl2.pem' },
      ],
    },
  ],
  ['client = [["c.pem", "k.pem"]]', { clientPaths: [{ certificate: '/etc/x/c.pem', key: '/etc/x/k.pem' }] }],
  [
    'client = [["c.pem", "k.pem"], ["d.pem", ""]]',
    {
      clientPaths: [
        { certificate: '/etc/x/c.pem', key: '/etc/x/k.pem' },
        { certificate: '/etc/x/d.pem', key: '/etc/x/d.pem' },
      ],
    },
  ],
  ['skip_verify = true', { isVerified: false }],
])('certificates: %s', (line, expected) => {
  expect(parse(line)[0]?.tls).toMatchObject(expected);
});

test('headers and times are read', () => {
  const [host] = parse('dial_timeout = "1.5s"\n[header]\nX-One = "1"\nx-two = ["a", "b"]');
  expect(host).toMatchObject({ connectMs: 1500, headers: { 'x-one': ['1'], 'x-two': ['a', 'b'] } });
});

test.each([
  ['"1m30s"', 90_000],
  ['"10us"', 1],
  ['"0s"', undefined],
  ['"9000h"', 2 ** 31 - 1],
])('a dial_timeout of %s is taken as Go does, as far as a timer goes: %s ms', (text, connectMs) => {
  expect(parse(`dial_timeout = ${text}`)[0]?.connectMs).toBe(connectMs);
});

test('an empty list of capabilities is all of them, and referrers is one', () => {
  expect(parse('capabilities = []')[0]?.capabilities).toEqual(new Set(['pull', 'resolve', 'push', 'referrers']));
  expect(parse('capabilities = ["Referrers"]')[0]?.capabilities).toEqual(new Set(['referrers']));
});

test('a proxy of a host is its own', () => {
  const hosts = parse('[host."https://a.example"]\nproxy = "http://proxy.example:3128"');
  expect(hosts.map(({ proxy }) => proxy)).toEqual(['http://proxy.example:3128', undefined]);
});

test.each([
  ['server = ', 'it is not TOML'],
  ['sever = "https://a"', 'it has the field "sever"'],
  ['[host."https://a"]\nmirror = true', 'host."https://a" has the field "mirror"'],
  ['server = "ftp://a"', 'not an http or https address'],
  ['server = "https://me:secret@a"', 'not an http or https address'],
  ['capabilities = ["pull", "fly"]', 'names "fly"'],
  ['skip_verify = "yes"', 'neither true nor false'],
  ['dial_timeout = "soon"', 'not a time'],
  ['dial_timeout = "-1s"', 'not a time'],
  ['proxy = "socks5://a:1"', 'server.proxy is no address of an http or https proxy'],
  ['client = [["a", "b", "c"]]', 'no pair of certificate and key'],
  ['[header]\n"a b" = "1"', 'has the name "a b"'],
  ['[header]\na = "1\\n2"', 'characters of no header'],
])('%j is refused: %s', (text, reason) => {
  expect(() => parse(text)).toThrow(reason);
});

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isopod-hosts-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(join(directory, path, '..'), { recursive: true });
  writeFileSync(join(directory, path), text);
}

const read = async (registry: string) =>
  (await readHosts(nodeEffects().files, directory, registry)).hosts.map(({ base }) => base.href);

test('a registry has its own folder, one without a colon in its name, or that of all others', async () => {
  write('_default/hosts.toml', 'server = "https://default.example"');
  write('one.example:5000/hosts.toml', 'server = "https://one.example"');
  write('two.example_5000_/hosts.toml', 'server = "https://two.example"');
  expect(await read('one.example:5000')).toEqual(['https://one.example/v2/']);
  expect(await read('two.example:5000')).toEqual(['https://two.example/v2/']);
  expect(await read('other.example')).toEqual(['https://default.example/v2/']);
});

test('a folder without a hosts.toml holds certificates as those of Docker do', async () => {
  for (const name of ['ca.crt', 'me.cert', 'me.key']) write(`a.example/${name}`, '');
  const [host] = (await readHosts(nodeEffects().files, directory, 'a.example')).hosts;
  expect(host?.tls).toEqual({
    place: join(directory, 'a.example'),
    authorityPaths: [join(directory, 'a.example/ca.crt')],
    clientPaths: [{ certificate: join(directory, 'a.example/me.cert'), key: join(directory, 'a.example/me.key') }],
    isVerified: true,
  });
});

test('a registry of this machine speaks TLS where something is said of its certificate', async () => {
  write('localhost:5000/ca.crt', '');
  write('localhost:80/hosts.toml', 'ca = "ca.pem"');
  write('127.0.0.1:5000/hosts.toml', '[host."https://mirror.example"]');
  expect(await read('localhost:5000')).toEqual(['https://localhost:5000/v2/']);
  expect(await read('localhost:80')).toEqual(['https://localhost:80/v2/']);
  expect(await read('127.0.0.1:5000')).toEqual(['https://mirror.example/v2/', 'http://127.0.0.1:5000/v2/']);
});

test('without a folder a registry is asked as it is called', async () => {
  expect(await read('a.example')).toEqual(['https://a.example/v2/']);
});
