import { existsSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { IsopodHost } from '../support/isopod-host.ts';

interface Probe {
  readonly ok: boolean;
  readonly httpStatus?: number;
  readonly output: string;
}

interface Inspected {
  readonly uid: string;
  readonly state: string;
  readonly health: { readonly status: string; readonly probes: readonly Probe[] } | null;
  readonly readiness: { readonly isReady: boolean; readonly probes: readonly Probe[] } | null;
}

const OFTEN = ['--health-interval', '200ms', '--health-retries', '2', '--health-timeout', '5s'];
const SERVE = 'busybox mkdir -p /www; echo fine > /www/well; exec busybox httpd -f -p 8080 -h /www';

describe.skipIf(!existsSync('/bin/busybox'))('checks by connection (busybox)', () => {
  let isopod: IsopodHost;
  let image: string;
  beforeAll(async () => {
    isopod = await IsopodHost.make();
    image = isopod.busyboxImage();
    await isopod.expect(['pull', '-q', image]);
  });
  afterEach(() => isopod.removeAll());
  afterAll(() => isopod.close());

  const inspect = async (name: string): Promise<Inspected> => JSON.parse(await isopod.expect(['inspect', name]))[0];

  async function until(name: string, isSo: (found: Inspected) => boolean): Promise<Inspected> {
    for (let tries = 0; tries < 600; tries++) {
      const found = await inspect(name);
      if (isSo(found)) return found;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`${name} did not become so: ${JSON.stringify(await inspect(name))}`);
  }

  const run = (name: string, options: readonly string[], script = SERVE): Promise<string> =>
    isopod.expect(['run', '-d', '--name', name, ...options, image, 'sh', '-c', script]);

  const waitFor = (name: string, condition: string): Promise<string> =>
    isopod.expect(['wait', '--condition', condition, '--timeout', '60s', name]);

  test('a server in a network namespace of its own is asked there, and its status tells how it is', async () => {
    await run('one', ['--network', 'none', ...OFTEN, '--health-http', '8080/well']);
    expect(await waitFor('one', 'healthy')).toBe('one');
    const { health } = await inspect('one');
    expect(health?.probes.at(-1)).toMatchObject({ ok: true, httpStatus: 200 });
    expect(health?.probes.at(-1)?.output).toContain('fine');
    await run('two', ['--network', 'none', ...OFTEN, '--health-http', 'http://example.org:8080/ill']);
    const two = await until(
      'two',
      ({ health: found }) => found?.status === 'unhealthy' && found.probes.at(-1)?.httpStatus !== undefined,
    );
    expect(two.health?.probes.at(-1)).toMatchObject({ ok: false, httpStatus: 404 });
    // Nobody listens there in the third one, whatever the others do.
    await run('three', ['--network', 'none', ...OFTEN, '--health-tcp', '8080'], 'exec sleep 1000');
    const three = await until('three', ({ health: found }) => found?.status === 'unhealthy');
    expect(three.health?.probes.at(-1)?.output).toBe('nobody listens (ECONNREFUSED)');
  });

  test('a connection is enough for a check by TCP, also to who has IPv6 alone', async () => {
    await run('one', ['--network', 'none', ...OFTEN, '--health-tcp', '8080']);
    await waitFor('one', 'healthy');
    const script = 'exec busybox httpd -f -p [::1]:9090 -h /';
    await run('two', ['--network', 'none', ...OFTEN, '--health-tcp', '9090'], script);
    await waitFor('two', 'healthy');
  });

  test('one that takes the connection and says nothing has failed in its time', async () => {
    const options = ['--network', 'none', ...OFTEN, '--health-timeout', '300ms', '--health-http', '9090'];
    await run('one', options, 'exec busybox nc -ll -p 9090 -e busybox sleep 1000');
    const { health } = await until('one', ({ health: found }) => found?.status === 'unhealthy');
    expect(health?.probes.at(-1)?.output).toBe('took longer than 300 ms');
  });

  test('what lives in a container is asked in the network namespace that it shares', async () => {
    await run('outer', ['--network', 'none']);
    await run('inner', ['--parent', 'outer', ...OFTEN, '--health-http', '8080/well'], 'exec sleep 1000');
    await waitFor('outer/inner', 'healthy');
  });

  test('a container in a user namespace is asked, too', async () => {
    await run('one', ['--network', 'none', '--userns', 'auto', ...OFTEN, '--health-tcp', '8080']);
    await waitFor('one', 'healthy');
  });

  test('readiness comes and goes, and the container stays', async () => {
    const often = ['--readiness-interval', '200ms', '--readiness-retries', '2', '--readiness-start-interval', '200ms'];
    const { uid } = await run('one', [
      '--network',
      'none',
      ...often,
      '--readiness-http',
      '8080/ready',
      '--restart',
      'always',
    ]).then(() => inspect('one'));
    await until(
      'one',
      ({ readiness }) => readiness?.isReady === false && (readiness.probes.at(-1)?.httpStatus ?? 0) === 404,
    );
    const early = await isopod.run(['wait', '--condition', 'ready', '--timeout', '10ms', 'one']);
    expect([early.code === 0, early.stderr.includes('was not ready within 10 ms')]).toEqual([false, true]);
    await isopod.expect(['exec', 'one', 'sh', '-c', 'echo yes > /www/ready']);
    expect(await waitFor('one', 'ready')).toBe('one');
    expect(await isopod.expect(['ps'])).toContain('(ready)');
    await isopod.expect(['exec', 'one', 'busybox', 'rm', '/www/ready']);
    await until('one', ({ readiness }) => readiness?.isReady === false);
    expect(await isopod.expect(['ps'])).toContain('(not ready)');
    const filters = ['--filter', 'event=readiness', '--filter', `container=${uid}`];
    const events = await isopod.expect(['events', '--since', '10m', '--until', '0s', ...filters]);
    expect(events.match(/ready=\w+/g)).toEqual(['ready=true', 'ready=false']);
    expect(await inspect('one')).toMatchObject({ uid, state: 'running' });
  });

  test('checks by connection go on when the agent and the fork server were killed', async () => {
    await run('one', ['--network', 'none', ...OFTEN, '--health-http', '8080/well']);
    await waitFor('one', 'healthy');
    await isopod.killForkServer();
    await isopod.killAgent();
    await isopod.expect(['exec', 'one', 'busybox', 'rm', '/www/well']);
    await until('one', ({ health }) => health?.status === 'unhealthy');
  });

  test('https is refused, and so are two ways at once', async () => {
    const words = (...options: readonly string[]) => ['run', '-d', ...options, image, 'true'];
    const https = await isopod.run(words('--health-http', 'https://web:8443/'));
    expect(https.stderr).toContain('checks speak http alone');
    const both = await isopod.run(words('--health-tcp', '80', '--health-cmd', 'true'));
    expect(both.stderr).toContain('one way to check');
    expect([https.code, both.code]).toEqual([125, 125]);
  });
});
