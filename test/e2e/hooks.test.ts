import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Installation, until } from './support/installation.ts';

const installation = new Installation();
const directory = mkdtempSync('/tmp/isopod-hooks-');
afterAll(async () => {
  await installation.close();
  rmSync(directory, { recursive: true });
});

let count = 0;
/** A file with a hook that runs a line of the shell, which is all that it is given. */
function hook(line: string, fields: object = {}): string {
  const path = join(directory, `hook-${count++}.json`);
  const env = ['PATH=/usr/bin:/bin'];
  writeFileSync(path, JSON.stringify({ path: '/bin/sh', args: ['sh', '-c', line], env, ...fields }));
  return path;
}

const run = (words: readonly string[], ...command: string[]) =>
  installation.run(['run', '--rm', '--no-image', ...words, ...(command.length > 0 ? command : ['true'])]);
const read = (name: string): string => readFileSync(join(directory, name), 'utf8').trim();

describe('hooks', () => {
  test('run at each point, in order, and read the state of the container', async () => {
    const points = ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'];
    const hooks = points.flatMap((point) => [
      '--hook',
      `${point}=${hook(`echo ${point} >> ${directory}/order; cat > ${directory}/${point}`)}`,
    ]);
    const { code, stderr } = await run(['--label', 'a=b', ...hooks]);
    expect([code, stderr]).toEqual([0, '']);
    await until('the last one has run', () => existsSync(join(directory, 'poststop')) && read('poststop') !== '');
    expect(read('order').split('\n')).toEqual(points);
    const states = points.map((point) => JSON.parse(read(point)));
    expect(states.map(({ status }) => status)).toEqual([
      ...['creating', 'creating', 'creating', 'created', 'running', 'stopped'],
    ]);
    for (const state of states) expect(state).toMatchObject({ ociVersion: '1.2.0', annotations: { a: 'b' } });
    const [pid, ...others] = states.slice(0, 5).map((state) => state.pid);
    expect(pid).toBeGreaterThan(1);
    expect(new Set(others)).toEqual(new Set([pid]));
  });

  test('run in the namespaces that their points have, with no environment but their own', async () => {
    const tell = (name: string) =>
      hook(`readlink /proc/self/ns/net > ${directory}/${name}; env >> ${directory}/${name}`);
    const words = ['--hook', `createRuntime=${tell('outside')}`, '--hook', `createContainer=${tell('inside')}`];
    const { stdout } = await run([...words, '-e', 'LD_PRELOAD=/evil.so'], 'readlink', '/proc/self/ns/net');
    const variables = (name: string) =>
      read(name)
        .split('\n')
        .slice(1)
        .map((line) => line.split('=')[0]);
    expect(read('inside').split('\n')[0]).toBe(stdout.trim());
    expect(read('outside').split('\n')[0]).not.toBe(stdout.trim());
    for (const name of ['outside', 'inside']) {
      expect(
        variables(name).filter((variable) => !['PATH', 'PWD', '_', 'SHLVL', 'OLDPWD'].includes(variable ?? '')),
      ).toEqual([]);
    }
  });

  test.each(['createRuntime', 'createContainer', 'startContainer', 'poststart'])(
    'at %s that fail make the launch fail with their exit status and last words, and nothing is left',
    async (point) => {
      const last = ['--hook', `poststop=${hook(`echo ${point} >> ${directory}/undone`)}`];
      const words = ['--hook', `${point}=${hook('echo no such GPU >&2; exit 3')}`, ...last];
      const { code, stderr } = await run(words, 'sleep', '1000');
      expect(read('undone').split('\n').at(-1)).toBe(point);
      expect(code).toBe(125);
      expect(stderr).toMatch(new RegExp(`${point} hook /bin/sh ended with exit code 3: no such GPU`));
      expect(await installation.expect(['ps', '-aq'])).toBe('');
    },
  );

  test.each(['createRuntime', 'createContainer'])(
    'at %s that hang are killed with what they started',
    async (point) => {
      const path = hook(`sleep 1000 & echo $! > ${directory}/sleeper; echo waiting; wait`, { timeout: 1 });
      const { code, stderr } = await run(['--hook', `${point}=${path}`]);
      expect(code).toBe(125);
      expect(stderr).toMatch(/was still running at its deadline and was killed: waiting/);
      if (point === 'createRuntime') {
        const gone = () =>
          !existsSync(`/proc/${read('sleeper')}`) ||
          /^State:\s+Z/m.test(readFileSync(`/proc/${read('sleeper')}/status`, 'utf8'));
        await until('the child of the hook is gone', gone);
      }
    },
  );

  test('that cannot be executed are told as such', async () => {
    const { stderr } = await run(['--hook', `createRuntime=${hook('', { path: '/no/such/hook' })}`]);
    expect(stderr).toMatch(/createRuntime hook \/no\/such\/hook cannot be executed.*ENOENT/);
  });

  test('of unknown points, and files that are none, are refused', async () => {
    expect((await run(['--hook', 'prestop=/x'])).stderr).toMatch(/--hook .*prestart, createRuntime/);
    expect((await run(['--hook', 'prestart=/no/such/file'])).stderr).toMatch(/\/no\/such\/file.*ENOENT/);
    const path = hook('true', { shell: true });
    expect((await run(['--hook', `prestart=${path}`])).stderr).toMatch(/shell/);
  });
});

describe('the hooks of an agent', () => {
  const served = new Installation();
  const hooksDir = join(directory, 'hooks.d');
  let agent: ReturnType<Installation['start']>;
  beforeAll(async () => {
    mkdirSync(hooksDir);
    const line = `echo ran >> ${directory}/matched`;
    const own = { path: '/bin/sh', args: ['sh', '-c', line] };
    const when = { annotations: { '^hooked$': '^yes$' } };
    writeFileSync(
      join(hooksDir, 'a.json'),
      JSON.stringify({ version: '1.0.0', hook: own, when, stages: ['createRuntime'] }),
    );
    agent = served.start(['agent', '--hooks-dir', hooksDir]);
    await until('it serves', () => existsSync(join(served.state, 'agent.sock')));
  });
  afterAll(async () => {
    await served.close();
    agent.kill();
  });

  test('run for the containers that they match', async () => {
    await served.expect(['run', '--rm', '--no-image', 'true']);
    expect(existsSync(join(directory, 'matched'))).toBe(false);
    await served.expect(['run', '--rm', '--no-image', '--label', 'hooked=yes', 'true']);
    expect(read('matched')).toBe('ran');
  });

  test('that are malformed refuse every launch by the name of their file', async () => {
    writeFileSync(join(hooksDir, 'b.json'), '{');
    const { code, stderr } = await served.run(['run', '--rm', '--no-image', 'true']);
    rmSync(join(hooksDir, 'b.json'));
    expect([code, stderr]).toEqual([125, expect.stringMatching(/hooks\.d\/b\.json/)]);
  });
});
