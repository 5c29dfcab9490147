import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { isAlive } from '../support/instance-view.ts';
import { IsopodHost } from '../support/isopod-host.ts';
import { until } from './support/installation.ts';
import { expectRefused } from './support/refusals.ts';

/** A program that stays, for a root with nothing else in it: no shell, no libraries. */
const STATIC_PROGRAM = `#include <signal.h>
#include <unistd.h>
int main(void) { signal(SIGTERM, _exit); for (;;) pause(); }
`;
const needed = ['/bin/busybox', '/usr/bin/gcc'];

describe.skipIf(!needed.every(existsSync))(`debug containers (${needed.join(', ')})`, () => {
  let host: IsopodHost;
  let image: string;
  let bare: string;
  beforeAll(async () => {
    host = await IsopodHost.make();
    image = host.busyboxImage();
    await host.expect(['pull', image]);
    bare = join(host.directory, 'bare');
    mkdirSync(bare);
    writeFileSync(join(host.directory, 'stay.c'), STATIC_PROGRAM);
    execFileSync('gcc', ['-static', '-o', join(bare, 'stay'), join(host.directory, 'stay.c')]);
  });
  afterAll(() => host.close());
  afterEach(() => host.removeAll());

  const target = (name: string, ...options: readonly string[]) =>
    host.expect(['run', '-d', '--name', name, ...options, '--rootfs', bare, '/stay']);
  const debug = (name: string, script: string, ...options: readonly string[]) =>
    host.run(['debug', name, '--image', image, ...options, '--', 'sh', '-c', script]);
  const told = async (name: string, script: string, ...options: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await debug(name, script, ...options);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout.trim();
  };
  const links = (pid: number | null, kinds: readonly string[]) =>
    kinds.map((kind) => readlinkSync(`/proc/${pid}/ns/${kind}`));
  const groups = (text: string) => new Map(text.split('\n').map((line) => [line.split(':')[1], line.split(':')[2]]));

  test('tools of an image see the processes and the files of a container that has neither shell nor libraries', async () => {
    await target('web');
    expect((await host.run(['exec', 'web', '/bin/sh'])).code).not.toBe(0);
    expect(await told('web', 'cat /proc/1/comm; ls /target/root | grep stay; ls /proc/1/root | grep stay')).toBe(
      'stay\nstay\nstay',
    );
    expect(await told('web', 'readlink /target/exe; id -u; ls /target')).toBe('/proc/1/exe\n0\ncwd\nexe\nroot');
    await until('it is forgotten', async () => (await host.list()).length === 1);
  });

  test('it is in the namespaces and the groups of its target, and has the very same rights', async () => {
    await target('web', ...['--cap-drop', 'CHOWN', '--cap-add', 'NET_RAW', '--ulimit', 'nofile=99:99']);
    const { pid } = await host.inspect('web');
    const shared = ['net', 'pid', 'ipc', 'uts', 'user', 'time'];
    const script = `for n in ${shared.join(' ')}; do readlink /proc/self/ns/$n; done`;
    expect((await told('web', script)).split('\n')).toEqual(links(pid, shared));
    const rights = /^(Cap|NoNewPrivs|Seccomp:|Seccomp_filters|Uid|Gid).*$/gm;
    const ofTarget = readFileSync(`/proc/${pid}/status`, 'utf8').match(rights);
    expect((await told('web', 'cat /proc/self/status')).match(rights)).toEqual(ofTarget);
    expect(await told('web', 'ulimit -n')).toBe('99');
    const uid = await host.expect(['debug', '-d', '--name', 'tools', '--image', image, 'web', 'sleep', '1000']);
    const inside = await host.inspect('web/tools');
    expect(inside).toMatchObject({ uid, state: 'running' });
    const [own, theirs] = [inside.pid, pid].map((one) => groups(readFileSync(`/proc/${one}/cgroup`, 'utf8')));
    for (const name of ['memory', 'pids', 'cpu', 'devices']) expect(own?.get(name)).toBe(theirs?.get(name));
  });

  test.each([
    ['another user', ['--user', '65534:65533']],
    ['a user namespace', ['--userns', 'auto']],
    ['another user of a user namespace', ['--userns', 'auto', '--user', '1000:1001']],
    ['no capability', ['--cap-drop', 'all']],
    ['a filter of its own', ['--security-opt', 'seccomp=unconfined']],
    ['all there is', ['--privileged']],
  ])('it is who its target is, and reads its files: %s', async (_, options) => {
    await target('web', ...options);
    const { pid } = await host.api.expect<{ readonly pid: number }>('GET', '/v1/containers/web');
    const rights = /^(CapEff|CapBnd|CapPrm|NoNewPrivs|Seccomp:).*$/gm;
    const ofTarget = readFileSync(`/proc/${pid}/status`, 'utf8').match(rights);
    const seen = await told('web', 'cat /proc/self/status; ls /target/root; stat -c %u:%g /proc/1 /proc/self/');
    expect(seen.match(rights)).toEqual(ofTarget);
    expect(seen).toContain('\nstay\n');
    const [ofFirst, ofSelf] = seen.split('\n').slice(-2);
    expect(ofSelf).toBe(ofFirst);
  });

  test('more than its target may is had by who asks for it, and may ask', async () => {
    await target('web');
    const capabilities = 'grep CapEff /proc/self/status';
    const [plain, more] = [await told('web', capabilities), await told('web', capabilities, '--cap-add', 'SYS_PTRACE')];
    const bits = (text: string) => BigInt(`0x${text.split('\t')[1]}`);
    expect(bits(more) & ~bits(plain)).toBe(1n << 19n);
    expect(bits(plain) & ~bits(more)).toBe(0n);
    const { token } = JSON.parse(
      await host.expect(['token', 'create', 'ci', '--role', 'operate', '--expires', 'never', '--json']),
    );
    const asked = (...options: readonly string[]) =>
      host.shell(
        `ISOPOD_TOKEN=${token} isopod --host unix://${host.state}/token/sock debug web --pull never --image ${image} ${options.join(' ')} -- id -u`,
      );
    expect(await asked()).toMatchObject({ code: 0, stdout: '0\n' });
    expect(await asked('--cap-add', 'SYS_PTRACE')).toMatchObject({
      ...{ code: 125, stdout: '', stderr: expect.stringContaining('capabilities add') },
    });
  });

  test('while one may trace others nobody else is let in, for it could look into what the engine does there', async () => {
    await target('web');
    await host.expect([
      'debug',
      'web',
      '-d',
      '--name',
      'gdb',
      '--image',
      image,
      '--cap-add',
      'SYS_PTRACE',
      'sleep',
      '1000',
    ]);
    await expectRefused(host, () => debug('web', 'id'), { code: 125, says: ['SYS_PTRACE', 'gdb'] });
    await host.expect(['rm', '-f', 'web/gdb']);
    expect(await told('web', 'id -u')).toBe('0');
  });

  test('it ends with its client, however that ends, and nothing of it is left', async () => {
    await target('web');
    const before = (await host.list()).length;
    const child = host.start([
      'debug',
      '-i',
      'web',
      '--image',
      image,
      '--name',
      'tools',
      '--',
      'sh',
      '-c',
      'sleep 1000 & echo up; cat',
    ]);
    const up = new Promise((resolve) => child.stdout?.once('data', resolve));
    await up;
    const { pid, uid } = await host.inspect('web/tools');
    child.kill('SIGKILL');
    await until('its command has ended', () => !isAlive(pid ?? 0));
    await until('it is forgotten', async () => (await host.list()).length === before);
    await until('nothing is left of it', () => !host.containerRemains().some((line) => line.includes(uid)));
    expect((await host.inspect('web')).state).toBe('running');
  });

  test('it ends with its client without an agent, too, and the next one forgets it', async () => {
    await target('web');
    const child = host.start(['debug', '-i', 'web', '--image', image, '--name', 'tools', '--', 'cat']);
    child.stdin?.write('up\n');
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    const { pid } = await host.inspect('web/tools');
    await host.killAgent();
    child.stdin?.write('still\n');
    expect(String(await new Promise((resolve) => child.stdout?.once('data', resolve)))).toBe('still\n');
    child.kill('SIGKILL');
    await until('its command has ended', () => !isAlive(pid ?? 0));
    await host.agentPid();
    await until('it is forgotten', async () => (await host.list()).length === 1);
  });

  test('one that is kept goes on without its client, and all end with their target', async () => {
    await target('web');
    const child = host.start([
      'debug',
      '-i',
      '--keep',
      'web',
      '--image',
      image,
      '--name',
      'kept',
      '--',
      'sh',
      '-c',
      'echo up; exec sleep 1000',
    ]);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    const words = ['web', '--image', image, '--name', 'brief', '--', 'sh', '-c', 'echo up; exec sleep 1000'];
    const other = host.start(['debug', '-i', ...words]);
    await new Promise((resolve) => other.stdout?.once('data', resolve));
    const { pid: brief } = await host.inspect('web/brief');
    await host.expect(['debug', 'web', '-d', '--name', 'tools', '--image', image, 'sleep', '1000']);
    for (const client of [child, other]) client.kill('SIGKILL');
    await until('the one that is not kept has ended, whose client left later', () => !isAlive(brief ?? 0));
    const pids = await Promise.all(['web/kept', 'web/tools'].map(async (path) => (await host.inspect(path)).pid ?? 0));
    expect(pids.every(isAlive)).toBe(true);
    await host.expect(['kill', '-s', 'TERM', 'web']);
    await until('both have ended', () => !pids.some(isAlive));
    await until('they are forgotten', async () => (await host.list()).length === 1);
  });

  test('on a terminal it is a shell, and detach keys end it', async () => {
    await target('web');
    const steps = [
      ['expect', '#'],
      ['send', 'echo $((40+2)) $(cat /proc/1/comm)\r'],
      ['expect', '42 stay'],
      ['send', '\u0010\u0011'],
    ] as const;
    const shell = ['debug', '-it', 'web', '--image', image, '--', 'sh'];
    expect(await host.terminal(shell, steps)).toMatchObject({ code: 0, raw: false });
    await until('it is forgotten', async () => (await host.list()).length === 1);
  });

  test('what it would have of its own, and what it could not show, is refused', async () => {
    const { uid } = (await host.launch({ name: 'web', rootfs: { kind: 'directory', path: bare }, command: ['/stay'] }))
      .status;
    const rootfs = { kind: 'image', reference: image };
    const ask = (fields: object) =>
      host.api.call('POST', '/v1/containers', { rootfs, command: ['id'], parent: uid, debug: true, ...fields });
    const refusals = [
      [{ resources: { pidsLimit: 5 } }, 'debug.shared'],
      [{ network: 'none' }, 'debug.shared'],
      [{ rootfs: { kind: 'none' } }, 'debug.noTools'],
      [{ security: { capabilities: { drop: ['CHOWN'] } } }, 'debug.notMore'],
      [{ restart: { kind: 'always' } }, 'debug.restarted'],
      [{ endsWithOwner: true }, 'debug.noOwner'],
      [{ parent: undefined }, 'nesting.noParent'],
    ] as const;
    for (const [fields, code] of refusals) {
      expect(await ask(fields), code).toMatchObject({ status: 400, body: { code } });
    }
    expect(await host.run(['debug', 'web'])).toMatchObject({ code: 125, stderr: expect.stringContaining('--image') });
    // Places for the kernel's file systems are made in a root of one's own by any container; nothing of the tools is.
    expect(readdirSync(bare)).toEqual(['dev', 'proc', 'stay', 'sys']);
  });
});
