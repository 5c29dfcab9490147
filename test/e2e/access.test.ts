import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Authority } from '../../src/image/registry/authority.fixture.ts';
import { Installation, type Result, until } from './support/installation.ts';

let isopod: Installation;
let agent: ChildProcess;
let port: number;
let authority: Authority;
let files: string;

const NOBODY = 65_534;

beforeAll(async () => {
  isopod = new Installation();
  chmodSync(isopod.directory, 0o711);
  files = join(isopod.directory, 'tls');
  mkdirSync(files);
  authority = new Authority(files, 'authority');
  const { certificate, key } = authority.sign('agent');
  for (const name of ['ci', 'stranger', 'watcher']) authority.sign(name);
  const grants = [`user:${NOBODY}=operate,label=team=a`, 'certificate:ci=admin', 'certificate:watcher=read'];
  agent = isopod.start([
    ...['agent', '--allow-namespaces', '--socket-mode', '0660', '--socket-group', String(NOBODY)],
    ...grants.flatMap((grant) => ['--grant', grant]),
    ...['--tcp', 'localhost:0', '--tcp-certificate', certificate, '--tcp-key', key],
    ...['--tcp-client-ca', authority.certificate],
  ]);
  agent.stderr?.pipe(process.stderr);
  await until('the agent listens', () => existsSync(join(isopod.state, 'agent.sock')));
  await isopod.expect(['pull', '-q', 'hello']);
  await isopod.expect(['run', '-d', '--name', 'theirs', '--label', 'team=b', '--no-image', 'sleep', '1000']);
  // Lines of the log are written in the background, some time after what they tell.
  const isTold = (): string | undefined => agentLog().find((line) => line.includes('listens on TCP'));
  await until('the port is told', () => isTold() !== undefined);
  port = JSON.parse(isTold() ?? '{}').port;
});
afterAll(async () => {
  const ended = once(agent, 'exit');
  agent.kill('SIGTERM');
  await ended;
  await isopod.close();
});

const agentLog = (): readonly string[] => readFileSync(join(isopod.state, 'agent.log'), 'utf8').split('\n');
const auditLog = (): readonly Record<string, string>[] =>
  readFileSync(join(isopod.root, 'audit.log'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

/** Runs `isopod WORDS` as a user who has nothing to do with root. */
const asNobody = (words: string, env = ''): Promise<Result> =>
  isopod.shell(`${env} setpriv --reuid ${NOBODY} --regid ${NOBODY} --clear-groups ${isopod.command} ${words}`);
const here = (): string => `--root ${isopod.root} --state ${isopod.state}`;
const overTls = (who: string, words: readonly string[], more: readonly string[] = []): Promise<Result> => {
  const ours = [
    '--tls-ca',
    authority.certificate,
    '--tls-cert',
    join(files, `${who}.pem`),
    '--tls-key',
    join(files, `${who}.key`),
  ];
  return isopod.run(['--host', `tcp://localhost:${port}`, ...ours, ...more, ...words]);
};

test('the socket has the mode and the group that were asked for', () => {
  const { mode, gid } = statSync(join(isopod.state, 'agent.sock'));
  expect([mode & 0o777, gid]).toEqual([0o660, NOBODY]);
});

test('a user of the group is known by the kernel, and sees and makes what he was granted', async () => {
  const run = await asNobody(`${here()} run --rm --label team=a hello`);
  expect(run.stderr).toBe('');
  expect(run.code).toBe(0);
  expect((await asNobody(`${here()} ps -aq`)).stdout).toBe('');
  expect((await asNobody(`${here()} stop theirs`)).stderr).toContain(`no container theirs that user ${NOBODY} may see`);
  expect((await asNobody(`${here()} run hello`)).stderr).toContain('with label team=a only');
});

test.each([
  ['-v /:/host', 'host path /'],
  ['--privileged', 'privileged'],
  ['--network host', 'network host'],
  ['--pid host', 'pid namespace host'],
  ['--cap-add SYS_ADMIN', 'capabilities add'],
  ['--security-opt seccomp=unconfined', 'seccomp unconfined'],
  ['--device /dev/null', 'devices'],
])('with operate nobody gains the host by %s', async (flags, what) => {
  const { code, stderr } = await asNobody(`${here()} run --label team=a ${flags} hello`);
  expect([code, stderr]).toEqual([125, expect.stringContaining(`needs admin: ${what}`)]);
});

test('a token lets somebody in by a socket of its own, as far as it goes and as long as it is there', async () => {
  const token = await isopod.expect(['token', 'create', 'ci', '--role', 'operate', '--scope', 'label=team=a']);
  const socket = join(isopod.state, 'token', 'sock');
  const by = (words: string, env = `ISOPOD_TOKEN=${token}`) => asNobody(`--host unix://${socket} ${words}`, env);
  expect((await by('ps', '')).stderr).toContain('with a token only');
  expect((await by('run --rm --label team=a hello')).code).toBe(0);
  expect((await by('inspect theirs')).code).not.toBe(0);
  expect((await by('token list')).stderr).toContain('needs admin');
  expect(await isopod.expect(['token', 'list'])).toMatch(/ci +operate +label=team=a/);
  await isopod.expect(['token', 'revoke', JSON.parse(await isopod.expect(['token', 'list', '--json']))[0].id]);
  expect((await by('ps')).stderr).toContain('unknown, or was revoked');
  expect(statSync(join(isopod.root, 'tokens.json')).mode & 0o777).toBe(0o600);
});

test('a container is given a token for what is nested in it: it makes and ends that, and reaches nothing else', async () => {
  await isopod.expect(['run', '-d', '--name', 'top', '--no-image', '--network', 'none', 'sleep', '1000']);
  const token = await isopod.expect(['token', 'create', 'top', '--role', 'operate', '--scope', 'container=top']);
  const socket = join(isopod.state, 'token', 'sock');
  const by = (words: string) => asNobody(`--host unix://${socket} ${words}`, `ISOPOD_TOKEN=${token}`);
  expect((await by('run --rm --parent top hello')).code).toBe(0);
  expect((await by('run --rm hello')).stderr).toContain('makes containers below');
  expect((await by('run --rm --parent theirs hello')).stderr).toContain('no container theirs');
  expect((await by('update -m 1g top')).stderr).toContain('own bounds are not his to change');
  expect((await by('ps -a')).stdout).not.toContain('theirs');
  // Root inside is root to the kernel here, and on this socket nobody without a token.
  const inside = (headers: readonly string[]) => {
    const words = ['curl', '-s', '--unix-socket', socket, ...headers, 'http://localhost/v1/containers'];
    return isopod.expect(['exec', 'top', ...words]);
  };
  expect(await inside([])).toContain('access.noCredential');
  const names = JSON.parse(await inside(['-H', `authorization: Bearer ${token}`])).map(
    (one: { name: string }) => one.name,
  );
  expect(names).toEqual(['top']);
  await isopod.expect(['rm', '-f', 'top']);
  await isopod.expect(['token', 'revoke', JSON.parse(await isopod.expect(['token', 'list', '--json']))[0].id]);
});

test('over TCP a certificate is who one is, and what it was granted is what it may', async () => {
  expect((await overTls('ci', ['ps', '-a'])).stdout).toContain('theirs');
  expect((await overTls('watcher', ['ps', '-a'])).stdout).toContain('theirs');
  expect((await overTls('watcher', ['stop', 'theirs'])).stderr).toContain('certificate watcher has role read');
  expect((await overTls('stranger', ['ps'])).stderr).toContain(
    'certificate stranger is known here, and was granted nothing',
  );
});

test('streams go through the agent where no socket of a monitor is in reach, in both directions and with the end', async () => {
  const ours = [
    '--tls-ca',
    authority.certificate,
    '--tls-cert',
    join(files, 'ci.pem'),
    '--tls-key',
    join(files, 'ci.key'),
  ];
  const words = ['--host', `tcp://localhost:${port}`, ...ours, 'exec', '-i', 'theirs', 'sh', '-c', 'cat; exit 7'];
  const big = Buffer.alloc(3 << 20, 'streams\n');
  const { code, stdout, stderr } = await isopod.run(words, big);
  expect([code, stderr, stdout.length]).toEqual([7, '', big.length]);
});

test('over TCP nobody is heard without a certificate of the authority, nor with an old protocol', async () => {
  const foreign = new Authority(files, 'elsewhere').sign('ci', 'forged');
  const forged = { cert: readFileSync(foreign.certificate), key: readFileSync(foreign.key) };
  const good = { cert: readFileSync(join(files, 'ci.pem')), key: readFileSync(join(files, 'ci.key')) };
  expect(await heard(good)).toContain('200 OK');
  expect(await heard({})).toBe('');
  expect(await heard(forged)).toBe('');
  expect(await heard({ ...good, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' })).toBe('');
  expect((await overTls('ci', ['ps'], ['--tls-ca', join(files, 'elsewhere.pem')])).code).toBe(125);
});

/** What is answered to a plain request over TLS; nothing when it does not come so far. */
function heard(options: object): Promise<string> {
  const ca = readFileSync(authority.certificate);
  const socket = connect({ host: 'localhost', port, ca, ...options });
  let text = '';
  socket.on('secureConnect', () => socket.write('GET /v1/version HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'));
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  socket.on('error', () => {});
  return new Promise((resolve) => socket.once('close', () => resolve(text)));
}

test('a certificate that is replaced is what later clients see, and one that is none changes nothing', async () => {
  const serial = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const ours = { cert: readFileSync(join(files, 'ci.pem')), key: readFileSync(join(files, 'ci.key')) };
      const socket = connect({ host: 'localhost', port, ca: readFileSync(authority.certificate), ...ours }, () => {
        resolve(socket.getPeerCertificate().serialNumber);
        socket.destroy();
      });
      socket.on('error', reject);
    });
  const before = await serial();
  copyFileSync(authority.certificate, join(files, 'garbage'));
  renameSync(join(files, 'garbage'), join(files, 'agent.pem')); // does not fit the key
  await until('the agent has seen it', () => agentLog().some((line) => line.includes('certificates cannot be used')));
  expect(await serial()).toBe(before);
  authority.sign('agent');
  await until('the new one is shown', async () => (await serial()) !== before);
});

test.each([
  [['--tcp', 'localhost:0'], 'without --tcp-certificate and --tcp-key and --tcp-client-ca'],
  [['--tcp-key', '/k'], '--tcp-key mean nothing without --tcp'],
  [['--grant', 'user:nosuchuser=read'], 'there is no user nosuchuser in /etc/passwd'],
  [['--socket-mode', '0060'], 'leave its owner in'],
])('an agent told %j does not start', async (flags, says) => {
  const { code, stderr } = await isopod.run([
    '--state',
    `${isopod.state}-2`,
    '--root',
    `${isopod.root}-2`,
    'agent',
    '--allow-namespaces',
    ...flags,
  ]);
  expect([code, stderr]).toEqual([125, expect.stringContaining(says)]);
});

test('who did what to which container, and who was refused, is in the audit log of root alone', async () => {
  expect(statSync(join(isopod.root, 'audit.log')).mode & 0o777).toBe(0o600);
  const log = auditLog();
  const launched = log.find(({ who, what }) => who === `user ${NOBODY}` && what === 'POST /v1/containers');
  expect(launched).toMatchObject({ outcome: 'done', door: 'socket', on: expect.stringMatching(/^[0-9a-f]{12}$/) });
  const refused = log.find(({ who, what }) => who === 'certificate watcher' && what?.endsWith('/stop'));
  expect(refused).toMatchObject({ outcome: 'refused', door: 'tls', code: 'access.roleMissing', on: 'theirs' });
  await until('the log has it', () => agentLog().some((line) => line.includes(`"requestId":"${launched?.request}"`)));
});
