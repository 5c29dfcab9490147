import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Installation } from './support/installation.ts';

let isopod: Installation;
beforeAll(async () => {
  isopod = new Installation();
  await isopod.expect(['version']);
});
afterEach(async () => {
  const uids = (await isopod.expect(['ps', '-aq'])).split('\n').filter(Boolean);
  if (uids.length > 0) await isopod.expect(['rm', '-f', ...uids]);
});
afterAll(() => isopod.close());

interface Inspected {
  readonly state: string;
  readonly restart: { readonly count: number };
  readonly health: {
    readonly status: string;
    readonly probes: readonly { readonly ok: boolean; readonly exitCode: number | null; readonly output: string }[];
  } | null;
}

const inspect = async (): Promise<Inspected> => JSON.parse(await isopod.expect(['inspect', 'one']))[0];

async function until(isSo: (found: Inspected) => boolean): Promise<Inspected> {
  for (let tries = 0; tries < 300; tries++) {
    const found = await inspect();
    if (isSo(found)) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`it did not become so: ${JSON.stringify(await inspect())}`);
}

const run = (...options: readonly string[]): Promise<string> =>
  isopod.expect([
    ...['run', '-d', '--name', 'one', '--health-interval', '200ms', '--health-retries', '2', ...options],
    ...['--no-image', '--', 'sleep', '1000'],
  ]);

test('what a check prints is shown, and its exit code tells how it is', async () => {
  await run('--health-cmd', 'echo all well; echo really >&2');
  const { health } = await until((found) => found.health?.status === 'healthy');
  expect(health?.probes.at(-1)).toMatchObject({ ok: true, exitCode: 0 });
  expect(health?.probes.at(-1)?.output.split('\n').sort()).toEqual(['', 'all well', 'really']);
  expect(await isopod.expect(['ps'])).toContain('(healthy)');
});

test('a check has the rights of its container, and is in its groups', async () => {
  await run(
    '--memory',
    '64m',
    '--health-cmd',
    'grep -h CapEff /proc/self/status /proc/1/status | uniq | wc -l; cat /proc/self/cgroup | grep -c isopod',
  );
  const { health } = await until((found) => (found.health?.probes.length ?? 0) > 0);
  expect(health?.probes[0]?.output.split('\n')[0]).toBe('1');
});

test('one that prints without end, or hangs, is cut and killed', async () => {
  await run('--health-timeout', '300ms', '--health-cmd', 'yes');
  const { health } = await until((found) => found.health?.status === 'unhealthy');
  expect(health?.probes[0]?.ok).toBe(false);
  expect(health?.probes[0]?.output.length).toBeLessThan(4_200);
  expect(health?.probes[0]?.output).toContain('took longer than 300 ms');
});

test('what is unhealthy is started again when that is asked for', async () => {
  await run('--health-on-failure', 'restart', '--health-cmd', 'exit 1');
  await until(({ restart: { count }, state }) => count > 0 && state === 'running');
});

test('checks go on when the agent was killed', async () => {
  await run('--health-cmd', 'exit 1');
  await until((found) => found.health?.status === 'unhealthy');
  process.kill(JSON.parse(await isopod.expect(['version', '--json'])).agent.pid, 'SIGKILL');
  expect((await inspect()).health?.status).toBe('unhealthy');
  await until((found) => (found.health?.probes.length ?? 0) === 5);
});

test('options without anything to check are refused', async () => {
  const { code, stderr } = await isopod.run(['run', '--health-retries', '2', '--no-image', '--', 'true']);
  expect(code).not.toBe(0);
  expect(stderr).toContain('--health-cmd');
});
