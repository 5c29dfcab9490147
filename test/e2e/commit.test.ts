import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { PlannedHost } from '../kernel/support/planned-host.ts';
import { IsopodHost } from '../support/isopod-host.ts';
import { missingPrograms } from '../support/registry.ts';
import { until } from './support/installation.ts';

const APPLETS = [
  'mkdir',
  'ln',
  'rm',
  'touch',
  'chmod',
  'chown',
  'mv',
  'sleep',
  'cat',
  'ls',
  'sort',
  'mkfifo',
  'rmdir',
  'stat',
];
const PRELUDE = APPLETS.map((name) => `${name}() { busybox ${name} "$@"; }; `).join('');
const lacksErofs = missingPrograms(['mkfs.erofs']).length > 0;
/** What the engine mounts shows as a place alone, and how it is there is not of the image. */
const MOUNTED = /^(?:proc|sys|dev)(?:\/|$)|^etc\/(?:hosts|hostname|resolv\.conf)$/;

type Tree = Readonly<Record<string, readonly unknown[]>>;

describe.skipIf(!PlannedHost.isPossible)('containers that become images', () => {
  let host: IsopodHost;
  let image: string;
  beforeAll(async () => {
    host = await IsopodHost.make();
    await host.startAgent();
    image = host.busyboxImage();
  });
  afterAll(() => host.close());
  afterEach(() => host.removeAll());

  const isopod = (...words: readonly string[]): Promise<string> => host.expect(words);
  const run = (name: string, script: string, options: readonly string[] = [], from = image): Promise<string> =>
    isopod('run', '-d', '--name', name, ...options, from, 'sh', '-c', `${PRELUDE}${script}`);
  const inside = (name: string, script: string): Promise<string> =>
    isopod('exec', name, 'sh', '-c', `${PRELUDE}${script}`);
  const SLEEP = 'exec busybox sleep 1000';

  async function treeOf(name: string): Promise<Tree> {
    const file = join(host.directory, `${name}.tar`);
    await isopod('export', '-o', file, name);
    const script = join(import.meta.dirname, '../support/archive-tree.py');
    const tree = JSON.parse(execFileSync('python3', [script, file], { encoding: 'utf8', maxBuffer: 1 << 28 })) as Tree;
    return Object.fromEntries(Object.entries(tree).filter(([path]) => !MOUNTED.test(path)));
  }
  const diff = async (name: string): Promise<readonly string[]> =>
    (await isopod('diff', name)).split('\n').filter(Boolean);
  const inspected = async (name: string) => JSON.parse(await isopod('image', 'inspect', name))[0];

  const VARIED = `
rm /etc/group; rm -r /tmp; mkdir /tmp; chmod 1777 /tmp; echo x > /tmp/x; rm /bin/yes; rmdir /root; echo file > /root
mkdir -p /new/deep; echo one > /new/one; ln /new/one /new/two; ln /new/one /new/deep/three; ln -s one /new/link
mkfifo /new/pipe; chmod 640 /new/one; chown 1234:70000 /new/deep; chmod 2755 /new/deep; touch -d '2001-02-03 04:05:06' /new/deep/three`;

  test('one that runs is there again, file by file, and goes on', async () => {
    await run('one', `${VARIED}; touch /ready; ${SLEEP}`, ['-e', 'GIVEN=1', '-w', '/new', '-l', 'a=b']);
    await until('its files are made', async () => (await diff('one')).includes('A /ready'));
    const special = join(host.directory, 'special');
    mkdirSync(special, { recursive: true });
    writeFileSync(join(special, 'noted'), 'noted');
    execFileSync('setfattr', ['-n', 'user.note', '-v', 'said', join(special, 'noted')]);
    writeFileSync(join(special, 'sparse'), 'begin');
    truncateSync(join(special, 'sparse'), 3 << 20);
    writeFileSync(join(special, 'n'.repeat(255)), 'long');
    chmodSync(join(special, 'noted'), 0o4755);
    await isopod('cp', '-a', special, 'one:/new/special');
    const id = await isopod(
      'commit',
      '-m',
      'it is so',
      '-a',
      'me',
      '-c',
      'LABEL c=d',
      '-c',
      'ENV MORE=$GIVEN',
      'one',
      'made:1',
    );
    expect(await inside('one', 'echo on')).toBe('on');
    const wanted = await treeOf('one');
    await run('two', SLEEP, [], 'made:1');
    expect(await treeOf('two')).toEqual(wanted);
    expect(wanted['new/special/noted']?.[5]).toEqual({ 'SCHILY.xattr.user.note': 'said' });
    expect(wanted).not.toHaveProperty('etc/group');
    const found = await inspected('made:1');
    expect(found).toMatchObject({ id, references: ['docker.io/library/made:1'], document: { author: 'me' } });
    expect(found.document.config).toMatchObject({
      ...{ Env: ['PATH=/bin', 'GIVEN=1', 'MORE=1'], WorkingDir: '/new', Labels: { a: 'b', c: 'd' } },
    });
    const [step, ...others] = JSON.parse(await isopod('history', '--json', 'made:1'));
    expect(step).toMatchObject({ comment: 'it is so', author: 'me', layer: found.layers.at(-1) });
    expect(others).toHaveLength(1);
  });

  test('one that has ended is, too, and one that was made of an image that was made so', async () => {
    await run('one', VARIED);
    await isopod('wait', 'one');
    await isopod('commit', 'one', 'first');
    await run(
      'two',
      'rm /new/two; rm -r /new/deep; mkdir /new/deep; echo again > /new/deep/again; mv /tmp/x /tmp/y',
      [],
      'first',
    );
    await isopod('wait', 'two');
    await isopod('commit', 'two', 'second');
    const wanted = await treeOf('two');
    expect(
      Object.keys(wanted)
        .filter((path) => path.startsWith('new/'))
        .sort(),
    ).toEqual([...['new/deep', 'new/deep/again', 'new/link', 'new/one', 'new/pipe']]);
    await run('three', SLEEP, [], 'second');
    expect(await treeOf('three')).toEqual(wanted);
    expect((await inspected('second')).layers).toHaveLength(3);
  });

  test.each(lacksErofs ? ['copy'] : ['copy', 'erofs'])(
    'one by backend %s is there again, with its own users, too',
    async (backend) => {
      for (const options of [[], ['--userns', 'auto']]) {
        await run('one', `${VARIED}; touch /ready; ${SLEEP}`, ['--backend', backend, ...options]);
        await until('its files are made', async () => (await diff('one')).includes('A /ready'));
        const told = await diff('one');
        expect(told).toEqual(expect.arrayContaining(['D /etc/group', 'C /root', 'A /new/deep/three', 'D /bin/yes']));
        expect(told.filter((line) => line.includes('busybox'))).toEqual([]);
        await isopod('commit', 'one', 'made');
        const wanted = await treeOf('one');
        await run('two', SLEEP, options, 'made');
        expect(await treeOf('two')).toEqual(wanted);
        await isopod('stop', '-t', '0', 'one');
        expect((await diff('one')).filter((line) => !line.startsWith('C ')).sort()).toEqual(
          told.filter((line) => !line.startsWith('C ')).sort(),
        );
        await host.removeAll();
      }
    },
  );

  test('one that writes to a disk in a file is there again, with its own users, too', async () => {
    for (const options of [[], ['--userns', 'auto']]) {
      const disk = ['--disk', '64m', '--disk-enforcement', 'image', ...options];
      await run('one', `${VARIED}; touch /ready; ${SLEEP}`, disk);
      await until('its files are made', async () => (await diff('one')).includes('A /ready'));
      const told = await diff('one');
      await isopod('commit', 'one', 'made');
      const wanted = await treeOf('one');
      await run('two', SLEEP, options, 'made');
      expect(await treeOf('two')).toEqual(wanted);
      expect(await inside('one', 'echo on > /on; cat /on')).toBe('on');
      expect((await diff('one')).length).toBe(told.length + 1);
      await isopod('stop', '-t', '0', 'one');
      expect(await diff('one')).toContain('A /on');
      expect(execFileSync('losetup', ['-a'], { encoding: 'utf8' })).not.toContain(host.root);
      await isopod('start', 'one');
      await host.removeAll();
    }
  });

  test('owners are those that a user namespace shows', async () => {
    await run('one', `echo x > /mine; chown 1000:1000 /mine; rm /etc/group; touch /ready; ${SLEEP}`, [
      '--userns',
      'auto',
    ]);
    await until('its files are made', async () => (await diff('one')).includes('A /ready'));
    await isopod('commit', 'one', 'made');
    await run('two', SLEEP, [], 'made');
    expect(await inside('two', 'stat -c "%u %g" /mine /ready')).toBe('1000 1000\n0 0');
    expect((await diff('one')).filter((line) => !line.startsWith('C '))).toEqual([
      'D /etc/group',
      'A /mine',
      'A /ready',
    ]);
  });

  test('nothing is told of what the engine mounts and makes, nor of volumes', async () => {
    mkdirSync(join(host.directory, 'shared'));
    const mounts = ['-v', '/data', '-v', `${join(host.directory, 'shared')}:/made/for/it`, '--tmpfs', '/scratch'];
    await run(
      'one',
      `echo x > /data/x; echo x > /made/for/it/x; echo x > /scratch/x; echo x > /etc/hosts; touch /ready; ${SLEEP}`,
      mounts,
    );
    await until('its files are made', async () => (await diff('one')).includes('A /ready'));
    expect(await diff('one')).toEqual(['A /ready']);
    await isopod('commit', 'one', 'made');
    await isopod('stop', '-t', '0', 'one');
    expect(await diff('one')).toEqual(['A /ready']);
    const { document } = await inspected('made');
    expect(document.config).not.toHaveProperty('Volumes');
    const tree = await treeOf('one');
    expect(Object.keys(tree)).not.toContain('made/for/it/x');
  });

  test('a container that has changed nothing makes an image of the same layers, with a line of history more', async () => {
    await run('one', 'true');
    await isopod('wait', 'one');
    expect(await diff('one')).toEqual([]);
    await isopod('commit', '-c', 'CMD ["sleep", "1"]', 'one', 'made');
    const found = await inspected('made');
    expect([found.layers.length, found.document.history.length]).toEqual([1, 2]);
  });

  test('what is no change of a config, no name, and no container with an image is refused, and nothing stays', async () => {
    await run('one', SLEEP);
    const refused = async (says: string, ...words: readonly string[]): Promise<void> => {
      const { code, stderr } = await host.run(words);
      expect([code, stderr]).toEqual([125, expect.stringContaining(says)]);
    };
    const before = await isopod('images', '-q');
    await refused('changes no config', 'commit', '-c', 'RUN true', 'one', 'made');
    await refused('stop signal', 'commit', '-c', 'STOPSIGNAL SIGNONE', 'one', 'made');
    await refused('cannot be given to an image', 'commit', 'one', 'oci:/tmp/x');
    await refused('no container', 'commit', 'nobody', 'made');
    await isopod('run', '-d', '--name', 'plain', '--no-image', '--network', 'none', 'sleep', '1000');
    await refused("the host's own files", 'commit', 'plain', 'made');
    await refused("the host's own files", 'diff', 'plain');
    await refused("the host's own files", 'export', 'plain');
    expect(await isopod('images', '-q')).toBe(before);
    expect(await inside('one', 'echo on')).toBe('on');
  });

  test('an image gets names, and is told by each', async () => {
    await run('one', 'echo x > /x');
    await isopod('wait', 'one');
    const id = await isopod('commit', 'one');
    expect(await isopod('images')).toContain('<none>');
    await isopod('tag', id, 'named:2');
    expect(await inspected('named:2')).toMatchObject({ id, references: ['docker.io/library/named:2'] });
    expect(JSON.parse(await isopod('inspect', 'named:2', 'one'))).toMatchObject([{ id }, { name: 'one' }]);
    const { code, stderr } = await host.run(['inspect', 'nothing']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('no container')]);
    expect(await isopod('history', 'named:2')).toMatch(/LAYER +CREATED/);
  });

  /** Kills the agent at a moment of a commit, and looks at what the next one finds. Nobody asks that one again. */
  async function killedAt(moment: string, isThen: () => boolean): Promise<void> {
    const committing = host.api.call('POST', '/v1/containers/one/commit', { reference: 'killed' }).catch(() => {});
    await until(moment, isThen);
    process.kill(await agentNow(), 'SIGKILL');
    await committing;
    await host.startAgent();
    await until('what was left is swept', () => unfinished().length === 0);
    expect(JSON.parse(await isopod('inspect', 'one'))[0].state).toBe('running');
    const { code, stdout } = await host.run(['image', 'inspect', 'killed']);
    // It may have been done just before.
    if (code === 0) expect(JSON.parse(stdout)[0].layers).toHaveLength(2);
  }
  const agentNow = async (): Promise<number> => host.livingAgent() ?? (await host.startAgent());
  const below = (path: string): readonly string[] => {
    const directory = join(host.root, path);
    return existsSync(directory) ? readdirSync(directory) : [];
  };
  const unfinished = (): readonly string[] =>
    [...below('blobs/sha256'), ...below('layers'), ...below('.')].filter((name) => /^\.?tmp-/.test(name));

  test('an agent that is killed over it leaves nothing half, and no container that stands still', async () => {
    await run('one', `busybox dd if=/dev/urandom of=/big bs=1M count=64; touch /ready; ${SLEEP}`);
    await until('its files are made', async () => (await diff('one')).includes('A /ready'));
    await killedAt('the layer is being written', () => below('blobs/sha256').some((name) => name.startsWith('.tmp-')));
    await killedAt('the layer is being unpacked', () => below('layers').some((name) => name.startsWith('tmp-')));
    await isopod('commit', 'one', 'killed');
    const [layer] = (await inspected('killed')).manifest.layers.slice(-1);
    expect(readFileSync(join(host.root, 'blobs/sha256', layer.digest.slice(7))).length).toBe(layer.size);
  });
});
