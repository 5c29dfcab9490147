import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, realpathSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../e2e/support/installation.ts';
import { IsopodHost } from '../support/isopod-host.ts';

/** Asks for the containers at each address of its arguments, and prints what is answered, or why there is nothing. */
const ATTACKER = `
const { request } = require('node:http');
const ask = (place) => new Promise((resolve) => {
  const sent = request({ ...place, path: '/v1/containers', agent: false }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk) => { text += chunk; });
    response.on('end', () => resolve({ status: response.statusCode, text }));
  });
  sent.on('error', (error) => resolve({ status: 0, text: error.code }));
  sent.end();
});
(async () => {
  const answers = [];
  for (const place of JSON.parse(process.argv[2])) answers.push(await ask(place));
  process.stdout.write(JSON.stringify(answers));
})();
`;

/** __SO_ACCEPTCON in the flags of a unix socket. */
const ACCEPTS = '00010000';
/** TCP_LISTEN. */
const LISTENS = '0A';

interface Place {
  readonly socketPath?: string;
  readonly host?: string;
  readonly port?: number;
}
interface Heard {
  readonly status: number;
  readonly text: string;
}

/**
 * CVE-2020-15257, CVE-2025-9074: a container with the network of the host, or with a way to a port of it, talks to the
 * engine as its owner does.
 */
describe.skipIf(!existsSync('/bin/busybox'))('C11, sockets in reach of a container (needs busybox-static)', () => {
  let host: IsopodHost;
  let image: string;
  const relays: Server[] = [];
  beforeAll(async () => {
    host = await IsopodHost.make();
    image = host.busyboxImage();
    await host.expect(['pull', image]);
    const files = join(host.directory, 'attacker');
    mkdirSync(files);
    writeFileSync(join(files, 'attack.cjs'), ATTACKER);
    // Something for it to be told of, which has a monitor; and the socket for tokens.
    await host.expect(['run', '-d', '--name', 'other', image, 'sleep', '1000']);
    await host.expect(['token', 'create', 'somebody', '--role', 'admin']);
  });
  afterAll(async () => {
    for (const relay of relays) relay.close();
    await host?.close();
  });

  /** A socket of an engine that listens where no file stands: whoever has the network is let in. */
  async function naive(place: Place): Promise<Place> {
    const relay = createServer((client) => {
      const engine = connect(join(host.state, 'agent.sock'));
      client.pipe(engine).pipe(client);
      client.on('error', () => engine.destroy());
      engine.on('error', () => client.destroy());
    });
    relays.push(relay);
    if (place.socketPath === undefined) relay.listen({ host: '127.0.0.1', port: 0 });
    else relay.listen({ path: place.socketPath });
    await once(relay, 'listening');
    const address = relay.address();
    return typeof address === 'object' && address !== null ? { host: '127.0.0.1', port: address.port } : place;
  }

  /** Root of a container with the network of the host. */
  async function attack(places: readonly Place[], options: readonly string[] = []): Promise<readonly Heard[]> {
    const shown = [
      ...[`${process.execPath}:/opt/node`, `${join(host.directory, 'attacker', 'attack.cjs')}:/opt/attack.cjs`],
      ...['/lib', '/lib64'].filter((path) => existsSync(path)).map((path) => `${realpathSync(path)}:${path}`),
    ];
    const volumes = shown.flatMap((one) => ['-v', `${one}:ro`]);
    const words = ['/opt/node', '/opt/attack.cjs', JSON.stringify(places)];
    return JSON.parse(await host.expect(['run', '--rm', '--network', 'host', ...volumes, ...options, image, ...words]));
  }

  /** What listens on the host that a process of ours has: `@name` of sockets without a file, and ports. */
  function reachable(pids: readonly number[]): readonly string[] {
    const ours = new Set(pids.flatMap(socketsOf));
    const unix = rowsOf('/proc/net/unix').filter(
      ([, , , flags, , , inode = '', path]) => ours.has(inode) && flags === ACCEPTS && path?.startsWith('@'),
    );
    const listening = (kind: string) =>
      rowsOf(`/proc/net/${kind}`).filter(([, , , state, , , , , , inode = '']) => ours.has(inode) && state === LISTENS);
    return [...unix.map((row) => row[7] ?? ''), ...['tcp', 'tcp6'].flatMap(listening).map((row) => row[1] ?? '')];
  }

  test('a socket without a file, and a port, let a container with the network of the host in, where an engine has one', async () => {
    const places = [await naive({ socketPath: `\0isopod-c11-${process.pid}` }), await naive({})];
    for (const { status, text } of await attack(places)) {
      expect(status).toBe(200);
      expect(JSON.parse(text).map(({ name }: { name: string }) => name)).toContain('other');
    }
    // What is looked for below is found where it is.
    expect(reachable([process.pid])).toHaveLength(2);
  });

  test('agent, fork server and monitors have neither', async () => {
    await until('the monitor of the container is there', () => host.view.processes().length > 2);
    const pids = host.view.processes().map(({ pid }) => pid);
    expect(pids).toContain(host.livingAgent());
    expect(reachable(pids)).toEqual([]);
    // They do listen: on sockets with files, which a container does not see.
    const files = [join(host.state, 'agent.sock'), join(host.state, 'token', 'sock')];
    expect((await attack(files.map((socketPath) => ({ socketPath })))).map(({ text }) => text)).toEqual([
      'ENOENT',
      'ENOENT',
    ]);
  });

  test('root of a container that was given the socket for tokens is nobody without one', async () => {
    const given = ['-v', `${join(host.state, 'token')}:/given:ro`];
    const [heard] = await attack([{ socketPath: '/given/sock' }], given);
    expect([heard?.status, heard?.text]).toEqual([401, expect.stringContaining('access.noCredential')]);
  });
});

/** Inodes of the sockets that a process has. */
function socketsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`)) ?? [];
      return inode === undefined ? [] : [inode];
    });
  } catch {
    return []; // it has ended
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** The table below its heading, a row in its columns. */
function rowsOf(path: string): readonly (readonly (string | undefined)[])[] {
  if (!existsSync(path)) return [];
  const [, ...lines] = readFileSync(path, 'utf8').trimEnd().split('\n');
  return lines.map((line) => line.trim().split(/\s+/));
}
