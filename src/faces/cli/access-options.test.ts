import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, expect, test } from 'vitest';
import { accessOptionsOf } from './access-options.ts';
import type { CliContext } from './context.ts';
import { addRemoteOptions, remoteOf } from './remote-options.ts';

const directory = mkdtempSync(join(tmpdir(), 'isopod-pem-'));
for (const name of ['ca', 'cert', 'key']) writeFileSync(join(directory, name), name);
afterAll(() => rmSync(directory, { recursive: true }));

const FILES = { tcpCertificate: 'c', tcpKey: 'k', tcpClientCa: 'a' };

test('an agent that is told nothing is for its owner, on no port', () => {
  expect(accessOptionsOf({}, '/')).toEqual({ socketMode: 0o600, socketGroup: undefined, grants: [], tcp: undefined });
});

test('a port has a host and three files', () => {
  expect(accessOptionsOf({ tcp: '[::1]:2376', ...FILES }, '/x').tcp).toEqual({
    ...{ host: '::1', port: 2376, certificate: '/x/c', key: '/x/k', clientAuthority: '/x/a' },
  });
  for (const missing of Object.keys(FILES)) {
    const refusal = expect.objectContaining({ code: 'cli.tcpWithoutTls' });
    expect(() => accessOptionsOf({ tcp: 'a:1', ...FILES, [missing]: undefined }, '/')).toThrow(refusal);
  }
});

test.each(['a', ':1', 'a:b', 'a:65536', '::1:5', 'tcp://a:1'])('--tcp %s is refused', (tcp) => {
  expect(() => accessOptionsOf({ tcp, ...FILES }, '/')).toThrow(expect.objectContaining({ code: 'cli.badValue' }));
});

test.each(['', '8', '0999', '600x', '0060', '7777'])('a socket of mode %j is refused', (socketMode) => {
  expect(() => accessOptionsOf({ socketMode }, '/')).toThrow(expect.objectContaining({ code: 'cli.badValue' }));
});

function remote(words: readonly string[], env: Record<string, string> = {}) {
  const program = addRemoteOptions(new Command('isopod')).exitOverride();
  program.parse([...words], { from: 'user' });
  return remoteOf(program, { env, cwd: directory } as unknown as CliContext);
}

const TLS = ['--tls-ca', 'ca', '--tls-cert', 'cert', '--tls-key', 'key'];

test('another agent is named by a socket, or by a host with our certificate', () => {
  expect(remote([])).toEqual({});
  expect(remote(['--host', 'unix:///run/a.sock'])).toEqual({ remote: { kind: 'unix', socketPath: '/run/a.sock' } });
  expect(remote(['--host', 'tcp://[::1]', ...TLS])).toMatchObject({
    remote: { kind: 'tcp', host: '::1', port: 2376, tls: { ca: Buffer.from('ca'), cert: Buffer.from('cert') } },
  });
  expect(remote(['--host', 'tcp://a.example:1', ...TLS])).toMatchObject({ remote: { host: 'a.example', port: 1 } });
});

test('without a certificate no other host is talked to', () => {
  expect(() => remote(['--host', 'tcp://a'])).toThrow(expect.objectContaining({ code: 'cli.noClientCertificate' }));
  const missing = ['--host', 'tcp://a', '--tls-cert', 'cert', '--tls-key', 'nothing'];
  expect(() => remote(missing)).toThrow(expect.objectContaining({ code: 'cli.unreadableFile' }));
});

test.each(['a', 'http://a', 'tcp://', 'tcp://a/path', 'tcp://u@a', 'unix://run', 'tcp://a:99999'])(
  '--host %s is refused',
  (host) => {
    expect(() => remote(['--host', host, ...TLS])).toThrow(expect.objectContaining({ code: 'cli.badValue' }));
  },
);

test('a token comes from the environment alone, and one that is none is not shown', () => {
  expect(remote([], { ISOPOD_TOKEN: 'isopod_x' })).toEqual({ token: 'isopod_x' });
  expect(() => remote([], { ISOPOD_TOKEN: 'secret\n' })).toThrow(expect.not.stringContaining('secret'));
});
