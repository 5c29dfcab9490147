import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { missingPrograms, type RegistryProgram, startRegistry } from '../support/registry.ts';
import { Installation } from './support/installation.ts';

const missing = missingPrograms(['skopeo', 'docker-registry', 'tar', 'xz']);
const lacks = missing.length > 0 ? ` (lacks ${missing.join(', ')})` : '';

describe.skipIf(missing.length > 0)(`images that come and go by commands${lacks}`, () => {
  let isopod: Installation;
  let registry: RegistryProgram;
  const path = (name: string): string => join(isopod.directory, name);

  beforeAll(async () => {
    registry = await startRegistry();
    isopod = new Installation();
    await isopod.expect(['pull', '-q', 'hello']);
  });
  afterAll(async () => {
    await isopod?.close();
    await registry?.stop();
  });

  test('what is pushed to a registry is there under the digest that is printed, and comes back as the same image', async () => {
    const target = `${registry.host}/hello:1`;
    const digest = await isopod.expect(['push', '-q', 'hello', target]);
    const words = ['inspect', '--tls-verify=false', '--format', '{{.Digest}}', `docker://${target}`];
    expect(execFileSync('skopeo', words, { encoding: 'utf8' }).trim()).toBe(digest);
    const id = await isopod.expect(['pull', '-q', target]);
    expect(await isopod.expect(['pull', '-q', 'hello'])).toBe(id);
    expect((await isopod.run(['run', '--rm', target])).stdout).toContain('Hello');
    await isopod.expect(['rmi', target]);
  });

  test('one image that comes packed in two ways is shown and pushed by each name as it came by that', async () => {
    await isopod.expect(['push', '-q', 'hello', `${registry.host}/ways:plain`]);
    const [plain, zstd] = [`${registry.host}/ways:plain`, `oci:${path('ways')}:zstd`];
    const packed = ['--src-tls-verify=false', '--dest-compress-format', 'zstd', '--format', 'oci'];
    execFileSync('skopeo', ['copy', '-q', ...packed, `docker://${plain}`, zstd]);
    const digests = [`docker://${plain}`, zstd].map((from) =>
      execFileSync('skopeo', ['inspect', '--tls-verify=false', '--format', '{{.Digest}}', from], {
        encoding: 'utf8',
      }).trim(),
    );
    expect(digests[0]).not.toBe(digests[1]);
    expect(await isopod.expect(['pull', '-q', plain])).toBe(await isopod.expect(['pull', '-q', zstd]));
    for (const [at, name] of [plain, zstd].entries()) {
      const digest = digests[at];
      expect(await isopod.expect(['images', '--format', '{{.Digest}}', name])).toBe(digest);
      expect(await isopod.expect(['image', 'inspect', '-f', '{{.manifestDigest}}', name])).toBe(digest);
      expect(await isopod.expect(['push', '-q', name, `${registry.host}/ways:again-${at}`])).toBe(digest);
    }
    expect((await isopod.expect(['image', 'verify', zstd])).split('\n').sort()).toEqual([
      `${plain}: as it came`,
      `${zstd}: as it came`,
    ]);
    await isopod.expect(['rmi', plain]);
    await isopod.expect(['rmi', zstd]);
  });

  test('what is saved into a pipe is loaded from one, and runs', async () => {
    await isopod.expect(['push', '-q', 'hello', `${registry.host}/saved:1`]);
    await isopod.expect(['pull', '-q', `${registry.host}/saved:1`]);
    const { code, stderr } = await isopod.shell(
      `set -o pipefail; isopod save ${registry.host}/saved:1 | xz -1 >${path('saved.xz')}`,
    );
    expect(stderr).toBe('');
    expect(code).toBe(0);
    await isopod.expect(['rmi', `${registry.host}/saved:1`]);
    const loaded = await isopod.shell(`isopod load <${path('saved.xz')}`);
    expect(loaded).toMatchObject({ code: 0, stdout: `${registry.host}/saved:1\n` });
    expect((await isopod.run(['run', '--rm', '--pull', 'never', `${registry.host}/saved:1`])).stdout).toContain(
      'Hello',
    );
  });

  test('a file that is saved to appears when it is whole, and one that fails leaves none', async () => {
    await isopod.expect(['save', '-o', path('saved.tar'), '--format', 'oci-archive', 'hello']);
    const before = readFileSync(path('saved.tar'));
    const failed = await isopod.run(['save', '-o', path('saved.tar'), 'hello', 'nothing']);
    expect(failed).toMatchObject({ code: 125, stderr: expect.stringContaining('there is no image nothing here') });
    expect(readFileSync(path('saved.tar')).equals(before)).toBe(true);
    expect(readdirSync(isopod.directory).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    const loaded = await isopod.expect(['load', '-q', '-i', path('saved.tar')]);
    expect(await isopod.expect(['load', '-q', path('saved.tar')])).toBe(loaded);
    const twice = await isopod.run(['load', path('saved.tar'), '-i', path('other.tar')]);
    expect(twice).toMatchObject({ code: 125, stderr: expect.stringContaining('two are named') });
  });

  test('an image is saved without a name where its name is by digest, and is loaded again', async () => {
    const digest = await isopod.expect(['push', '-q', 'hello', `${registry.host}/pinned:1`]);
    const pinned = `${registry.host}/pinned@${digest}`;
    const id = await isopod.expect(['pull', '-q', pinned]);
    await isopod.expect(['save', '-o', path('pinned.tar'), pinned]);
    const list = execFileSync('tar', ['-xOf', path('pinned.tar'), 'manifest.json'], { encoding: 'utf8' });
    expect(JSON.parse(list)).toMatchObject([{ RepoTags: null }]);
    await isopod.expect(['rmi', pinned]);
    expect((await isopod.run(['load', '-q', '-i', path('pinned.tar')])).stdout.trim()).toBe(id);
  });

  test('an archive takes the place of no pipe and no device', async () => {
    execFileSync('mkfifo', [path('pipe')]);
    for (const kind of ['docker-archive', 'oci-archive', 'tar']) {
      const refused = await isopod.run(['copy', '-q', 'hello', `${kind}:${path('pipe')}`]);
      expect(refused).toMatchObject({ code: 125, stderr: expect.stringContaining('is no file but a device, pipe') });
    }
    expect(statSync(path('pipe')).isFIFO()).toBe(true);
  });

  test('an image is saved for the platform that it is here for, and for no other', async () => {
    const own = await isopod.expect(['image', 'inspect', '--format', '{{.platform}}', 'hello']);
    await isopod.expect(['save', '--platform', own, '-o', path('own.tar'), 'hello']);
    const other = await isopod.run(['save', '--platform', 'linux/s390x', '-o', path('other.tar'), 'hello']);
    expect(other).toMatchObject({ code: 125, stderr: expect.stringContaining(`hello is here for ${own}`) });
    expect(readdirSync(isopod.directory)).not.toContain('other.tar');
  });

  test('a root file system is imported with changes, from a file and from standard input', async () => {
    execFileSync('tar', ['-C', isopod.directory, '-cJf', path('rootfs.tar.xz'), '-T', '/dev/null']);
    const id = await isopod.expect(['import', path('rootfs.tar.xz'), 'made:1', '-c', 'ENV A=b', '-m', 'made here']);
    expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await isopod.expect(['images'])).toContain('docker.io/library/made:1');
    const piped = await isopod.shell(`isopod import - made:2 <${path('rootfs.tar.xz')}`);
    expect(piped.code).toBe(0);
    const refused = await isopod.run(['import', path('rootfs.tar.xz'), '-c', 'RUN make']);
    expect(refused).toMatchObject({ code: 125, stderr: expect.stringContaining('RUN') });
  });

  test('an image is copied past the store, by relative paths, and run from its directory', async () => {
    await isopod.expect(['push', '-q', 'hello', `oci:${path('layout')}:hello`]);
    const before = await isopod.expect(['images', '-q']);
    const run = await isopod.shell(`cd ${isopod.directory} && isopod copy -q oci:layout:hello dir:tree`);
    expect(run).toMatchObject({ code: 0, stdout: expect.stringMatching(/^sha256:/) });
    expect(await isopod.expect(['images', '-q'])).toBe(before);
    expect((await isopod.run(['run', '--rm', '--rootfs', path('tree'), '/hello'])).stdout).toContain('Hello');
  });

  test('what is no archive is refused, and nothing is left of it', async () => {
    writeFileSync(path('noise'), 'x'.repeat(5000));
    const refused = await isopod.run(['load', '-i', path('noise')]);
    expect(refused).toMatchObject({ code: 125, stderr: expect.stringContaining('is not a tar file') });
    expect(readdirSync(isopod.root).filter((name) => name.startsWith('.tmp-'))).toEqual([]);
    expect((await isopod.run(['load', '-i', path('nowhere')])).code).toBe(125);
  });
});
