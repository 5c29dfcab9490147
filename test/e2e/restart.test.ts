import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { volumeImage } from '../support/volume-image.ts';
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
  readonly uid: string;
  readonly state: string;
  readonly pid: number | null;
  readonly restart: { readonly count: number; readonly isStopped: boolean; readonly nextAttemptAtMs: number | null };
}

const inspect = async (name: string): Promise<Inspected> => JSON.parse(await isopod.expect(['inspect', name]))[0];

async function until(name: string, isSo: (found: Inspected) => boolean): Promise<Inspected> {
  for (let tries = 0; tries < 300; tries++) {
    const found = await inspect(name);
    if (isSo(found)) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${name} did not become so: ${JSON.stringify(await inspect(name))}`);
}

const agentPid = async (): Promise<number> => JSON.parse(await isopod.expect(['version', '--json'])).agent.pid;
const shell = (script: string): readonly string[] => ['--no-image', '--', 'sh', '-c', script];

test('a container is started again until its maximum, and its log goes on', async () => {
  await isopod.expect(['run', '-d', '--name', 'one', '--restart', 'on-failure:2', ...shell('echo life; exit 3')]);
  const { restart, state } = await until(
    'one',
    ({ state, restart: { nextAttemptAtMs, count } }) =>
      state === 'terminated' && nextAttemptAtMs === null && count === 2,
  );
  expect({ restart, state }).toMatchObject({ state: 'terminated', restart: { count: 2, isStopped: false } });
  expect(await isopod.expect(['logs', 'one'])).toBe('life\nlife\nlife');
  expect(await isopod.expect(['ps', '-a', '--filter', 'name=one'])).toContain('exited (3)');
});

test('what it wrote is there in its next life, on its own disk too', async () => {
  const script =
    'echo x >> /written; echo x >> /data/written; test $(cat /written /data/written | wc -l) -gt 5 || exit 1; exec sleep 1000';
  const image = volumeImage(isopod.directory, { volumes: ['/data'] });
  await isopod.expect(['pull', '-q', image]);
  for (const more of [[], ['--disk', '8m'], ['--userns', 'auto'], ['-v', '/cache']]) {
    const options = ['-d', '--name', 'keeper', '--restart', 'on-failure', ...more];
    await isopod.expect(['run', ...options, image, 'sh', '-c', script]);
    await until('keeper', ({ state, restart: { count } }) => state === 'running' && count === 2);
    await isopod.expect(['rm', '-f', 'keeper']);
  }
});

test('a stop is the end, also of one that waits to be started again', async () => {
  await isopod.expect(['run', '-d', '--name', 'one', '--restart', 'always', ...shell('exec sleep 1000')]);
  await isopod.expect(['stop', '-t', '0', 'one']);
  await isopod.expect(['run', '-d', '--name', 'two', '--restart', 'always', ...shell('exit 1')]);
  const isWaiting = ({ restart: { count, nextAttemptAtMs } }: Inspected) => count > 3 && nextAttemptAtMs !== null;
  const dueAtMs = (await until('two', isWaiting)).restart.nextAttemptAtMs ?? 0;
  expect(await isopod.expect(['ps'])).toContain('restarting, exited (1)');
  expect((await isopod.run(['rm', 'two'])).stderr).toContain('is about to be started again');
  await isopod.expect(['stop', 'two']);
  // Until it would have been started again, and a moment more.
  await expect.poll(() => Date.now(), { timeout: 10_000 }).toBeGreaterThan(dueAtMs + 200);
  for (const name of ['one', 'two']) {
    expect(await inspect(name)).toMatchObject({
      state: 'terminated',
      restart: { isStopped: true, nextAttemptAtMs: null },
    });
  }
});

test('a restart that was due while no agent ran happens when one comes', async () => {
  await isopod.expect(['run', '-d', '--name', 'one', '--restart', 'unless-stopped', ...shell('exec sleep 1000')]);
  const { pid, uid } = await inspect('one');
  process.kill(await agentPid(), 'SIGKILL');
  process.kill(pid ?? 0, 'SIGKILL');
  const again = await until('one', ({ state, restart: { count } }) => state === 'running' && count === 1);
  expect(again.uid).toBe(uid);
  expect(again.pid).not.toBe(pid);
});

test('a policy is changed while it runs, and what --rm promises is not broken', async () => {
  await isopod.expect(['run', '-d', '--name', 'one', ...shell('exec sleep 1000')]);
  await isopod.expect(['update', '--restart', 'on-failure', 'one']);
  process.kill((await inspect('one')).pid ?? 0, 'SIGKILL');
  await until('one', ({ state, restart: { count } }) => state === 'running' && count === 1);
  const refused = await isopod.run(['run', '--rm', '--restart', 'always', ...shell('true')]);
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain('--rm');
});
