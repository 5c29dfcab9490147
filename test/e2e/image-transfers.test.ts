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
  /** One that has no plain layer: skopeo remembers where it has seen one, and takes it instead. */
  let fresh: RegistryProgram;
  const path = (name: string): string => join(isopod.directory, name);

  beforeAll(async () => {
    registry = await startRegistry();
    fresh = await startRegistry();
    isopod = new Installation();
    await isopod.expect(['pull', '-q', 'hello']);
    await isopod.expect(['save', '-o', path('hello.tar'), '--format', 'oci-archive', 'hello']);
  });
  afterAll(async () => {
    await isopod?.close();
    await registry?.stop();
    await fresh?.stop();
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

  const insecure = ['--src-tls-verify=false', '--dest-tls-verify=false'];
  const skopeo = (...words: readonly string[]) => execFileSync('skopeo', words, { encoding: 'utf8' }).trim();

  /** The image `hello` with a Docker manifest, its layer in gzip: a plain one skopeo packs whenever it writes a layout. */
  function pushAsDocker(target: string): void {
    skopeo('copy', '-q', `oci-archive:${path('hello.tar')}`, `oci:${path('packed')}:1`);
    skopeo('copy', '-q', ...insecure, '--format', 'v2s2', `oci:${path('packed')}:1`, target);
  }

  test('an image of Docker becomes in a layout and in an archive of OCI what skopeo makes of it', async () => {
    const docker = `docker://${fresh.host}/schema2:1`;
    pushAsDocker(docker);
    const raw = JSON.parse(skopeo('inspect', '--raw', '--tls-verify=false', docker));
    expect(raw.mediaType).toContain('docker.distribution.manifest.v2');
    skopeo('copy', '-q', ...insecure, docker, `oci:${path('theirs')}:1`);
    const digestOf = (from: string): string => skopeo('inspect', '--format', '{{.Digest}}', from);
    const theirs = digestOf(`oci:${path('theirs')}:1`);
    for (const target of [`oci:${path('ours')}:1`, `oci-archive:${path('ours.tar')}:1`]) {
      const printed = await isopod.expect(['copy', '-q', docker, target]);
      expect([printed, digestOf(target)]).toEqual([theirs, theirs]);
    }
    const name = `${fresh.host}/schema2:1`;
    await isopod.expect(['pull', '-q', name]);
    await isopod.expect(['save', '-o', path('saved-oci.tar'), '--format', 'oci-archive', name]);
    expect(digestOf(`oci-archive:${path('saved-oci.tar')}:${name}`)).toBe(theirs);
    await isopod.expect(['rmi', name]);
  });

  test('a list of Docker becomes the index that skopeo makes of it', async () => {
    const name = `${fresh.host}/list:1`;
    const docker = `docker://${fresh.host}/list:part`;
    pushAsDocker(docker);
    const mediaType = 'application/vnd.docker.distribution.manifest.v2+json';
    const raw = skopeo('inspect', '--raw', '--tls-verify=false', docker);
    const digest = skopeo('inspect', '--tls-verify=false', '--format', '{{.Digest}}', docker);
    const manifests = ['amd64', 'arm64'].map((architecture) => ({
      ...{ mediaType, size: Buffer.byteLength(raw), digest, platform: { architecture, os: 'linux' } },
    }));
    const list = 'application/vnd.docker.distribution.manifest.list.v2+json';
    const put = await fetch(`http://${fresh.host}/v2/list/manifests/1`, {
      method: 'PUT',
      headers: { 'content-type': list },
      body: JSON.stringify({ schemaVersion: 2, mediaType: list, manifests }),
    });
    expect(put.status).toBe(201);
    skopeo('copy', '-q', '--all', ...insecure, `docker://${name}`, `oci:${path('their-list')}:1`);
    const digestIn = (layout: string): string =>
      JSON.parse(readFileSync(join(path(layout), 'index.json'), 'utf8')).manifests[0].digest;
    const printed = await isopod.expect(['copy', '-q', '--all', `docker://${name}`, `oci:${path('our-list')}:1`]);
    expect([printed, digestIn('our-list')]).toEqual([digestIn('their-list'), digestIn('their-list')]);
    expect(skopeo('inspect', '--format', '{{.Os}}', `oci:${path('our-list')}:1`)).toBe('linux');
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
