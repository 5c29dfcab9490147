import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { PlannedHost } from '../kernel/support/planned-host.ts';
import { IsopodHost } from '../support/isopod-host.ts';
import { layeredImage } from '../support/layered-image.ts';
import { until } from './support/installation.ts';

interface InspectedImage {
  readonly id: string;
  readonly layers: readonly string[];
  readonly manifest: { readonly layers: readonly unknown[] };
  readonly document: { readonly history: readonly unknown[]; readonly config: Readonly<Record<string, unknown>> };
}

describe.skipIf(!PlannedHost.isPossible)('images of containers whose root is no layer of their own', () => {
  let host: IsopodHost;
  let single: string;
  beforeAll(async () => {
    host = await IsopodHost.make();
    await host.startAgent();
    single = layeredImage(host.directory, { name: 'single', layers: 1 });
    await host.expect(['pull', '-q', single]);
  });
  afterAll(() => host.close());
  afterEach(() => host.removeAll());

  const inspected = async (name: string): Promise<InspectedImage> =>
    JSON.parse(await host.expect(['image', 'inspect', name]))[0];
  const bound = (name: string, ...options: readonly string[]): Promise<string> =>
    host.expect([
      ...['run', '-d', '--name', name, '--backend', 'bind', '--read-only', ...options, single],
      ...['sh', '-c', 'echo x > /new; echo x > /tmp/new; exec sleep 1000'],
    ]);

  test('one that shows the layer of its image has changed nothing, while it runs and after its end', async () => {
    for (const options of [[], ['--userns', 'auto']]) {
      await bound('one', '--tmpfs', '/tmp', ...options);
      expect(await host.run(['diff', 'one'])).toMatchObject({ code: 0, stdout: '', stderr: '' });
      expect(JSON.parse(await host.expect(['diff', '--json', 'one']))).toEqual([]);
      await host.expect(['stop', '-t', '0', 'one']);
      expect(await host.run(['diff', 'one'])).toMatchObject({ code: 0, stdout: '', stderr: '' });
      await host.removeAll();
    }
  });

  test('its image has the same layers, and the config that was asked for', async () => {
    const before = await inspected(single);
    const blobs = (): readonly string[] => readdirSync(join(host.root, 'blobs/sha256'));
    const count = blobs().length;
    await bound('one', '--tmpfs', '/tmp', '-e', 'GIVEN=1');
    const change = ['-c', 'ENV MORE=$GIVEN', '-c', 'CMD ["sh", "-c", "echo $MORE; cat /etc/group | wc -l"]'];
    const id = await host.expect(['commit', '-m', 'as it is', ...change, 'one', 'made:1']);
    const made = await inspected('made:1');
    expect(made).toMatchObject({ id, layers: before.layers, manifest: { layers: before.manifest.layers } });
    expect(made.document.history.at(-1)).toMatchObject({ comment: 'as it is', empty_layer: true });
    expect(made.document.config).toMatchObject({ Env: expect.arrayContaining(['GIVEN=1', 'MORE=1']) });
    expect(await host.expect(['run', '--rm', 'made:1'])).toMatch(/^1\n\d+$/);
    // A manifest and a config, and no layer.
    expect(blobs()).toHaveLength(count + 2);
    await host.expect(['stop', '-t', '0', 'one']);
    expect((await inspected(await host.expect(['commit', 'one']))).layers).toEqual(before.layers);
  });

  test('one in a directory of the host is refused, with the reason, and with the way that its remedy tells it becomes an image', async () => {
    const root = join(host.directory, 'tree');
    await host.expect(['copy', single, `dir:${root}`]);
    const script = 'echo made > /made; busybox chown 12:34 /made; exec sleep 1000';
    await host.expect(['run', '-d', '--name', 'one', '--rootfs', root, '/bin/sh', '-c', script]);
    const { uid } = await host.inspect('one');
    const remedy = `isopod export ${uid} | isopod import - NAME`;
    const told = async (): Promise<void> => {
      for (const words of [
        ['diff', 'one'],
        ['commit', 'one', 'made:1'],
      ]) {
        const { code, stderr } = await host.run(words);
        expect([code, stderr]).toEqual([125, expect.stringContaining(`its root is ${root}, a directory of the host`)]);
        expect(stderr).toContain(remedy);
      }
    };
    await told();
    await until('its file is whole', () => existsSync(join(root, 'made')) && statSync(join(root, 'made')).uid === 12);
    await host.expect(['export', '-o', join(host.directory, 'root.tar'), 'one']);
    await host.expect(['import', '-c', 'CMD ["ls", "-ln", "/made"]', join(host.directory, 'root.tar'), 'made:2']);
    expect(await host.expect(['run', '--rm', 'made:2'])).toMatch(/^-rw-r--r-- +1 12 +34 +5 .*\/made$/);
    await host.expect(['stop', '-t', '0', 'one']);
    await told();
    expect(readFileSync(join(root, 'made'), 'utf8')).toBe('made\n');
  });
});
