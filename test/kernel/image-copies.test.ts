import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildImage, buildIndex, layoutOf } from '../../src/image/built-image.fixture.ts';
import { TransferPlace } from '../../src/image/transfer/transfer-ports.fixture.ts';
import { hostPlatform } from '../../src/model/platform.ts';
import { missingPrograms, type RegistryProgram, startRegistry } from '../support/registry.ts';
import { TYPE, tarArchive } from '../support/tar-writer.ts';

const missing = missingPrograms(['skopeo', 'docker-registry', 'gzip', 'xz', 'bzip2', 'zstd']);
const lacks = missing.length > 0 ? ` (lacks ${missing.join(', ')})` : '';

const LAYERS = [
  tarArchive([
    { name: 'etc/', type: TYPE.directory, mode: 0o755 },
    { name: 'etc/one', data: 'one'.repeat(10_000) },
  ]),
  tarArchive([{ name: 'etc/.wh.one', data: '' }]),
];
const IMAGE = buildImage(LAYERS);
const OTHER_PLATFORM = { os: 'linux', architecture: 's390x', variant: undefined };
const OTHER = buildImage(LAYERS.slice(0, 1), { platform: OTHER_PLATFORM });
const INDEX = buildIndex([
  { image: IMAGE, platform: hostPlatform() },
  { image: OTHER, platform: OTHER_PLATFORM },
]);
const INDEX_DIGEST = `sha256:${createHash('sha256').update(INDEX).digest('hex')}`;
const DIFF_IDS = IMAGE.layers.map(({ diffId }) => diffId);

function skopeo(...words: readonly string[]): string {
  return execFileSync('skopeo', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26 });
}

const TLS = { source: '--src-tls-verify=false', target: '--dest-tls-verify=false' };

/** What skopeo says the digest of the manifest is. */
function theirDigest(reference: string): string {
  const raw = skopeo('inspect', '--raw', '--tls-verify=false', reference);
  return `sha256:${createHash('sha256').update(raw).digest('hex')}`;
}

describe.skipIf(missing.length > 0)(`images that are copied${lacks}`, () => {
  let registry: RegistryProgram;
  let place: TransferPlace;

  beforeAll(async () => {
    registry = await startRegistry();
  });
  afterAll(() => registry?.stop());
  beforeEach(() => {
    place = new TransferPlace();
    writeLayout(place.path('layout'));
  });
  afterEach(async () => {
    expect(await place.leftovers()).toEqual([]);
    place.remove();
  });

  const layout = (): string => `oci:${place.path('layout')}:app`;
  const all = (): string => `oci:${place.path('layout')}:all`;
  /** Two kinds that take manifests as they are, by the spelling that both programs have. */
  const kept = (kind: string, name: string): string =>
    kind === 'docker' ? `docker://${registry.host}/${name}:1` : `${kind}:${place.path(name)}:app`;

  describe.each(['docker', 'oci', 'oci-archive'])('to and from %s', (kind) => {
    test('ours are read by skopeo, with the same digest', async () => {
      const target = kept(kind, 'ours');
      expect(await place.copy(layout(), target)).toBe(IMAGE.manifest.digest);
      expect(theirDigest(target)).toBe(IMAGE.manifest.digest);
      skopeo('copy', '--quiet', TLS.source, target, `oci:${place.path('back')}:app`);
      expect(theirDigest(`oci:${place.path('back')}:app`)).toBe(IMAGE.manifest.digest);
    });

    test("skopeo's are read by us, with the same digest", async () => {
      const target = kept(kind, 'theirs');
      skopeo('copy', '--quiet', TLS.target, layout(), target);
      expect(await place.copy(target, `oci:${place.path('back')}:app`)).toBe(theirDigest(target));
      expect(theirDigest(`oci:${place.path('back')}:app`)).toBe(IMAGE.manifest.digest);
    });

    test('every platform goes along where that is asked for', async () => {
      const target = kept(kind, 'every');
      expect(await place.copy(all(), target, 'all')).toBe(INDEX_DIGEST);
      expect(theirDigest(target)).toBe(INDEX_DIGEST);
      skopeo('copy', '--quiet', '--all', TLS.source, target, `oci:${place.path('back')}:app`);
      expect(await place.copy(target, `oci:${place.path('again')}:app`, 'all')).toBe(INDEX_DIGEST);
    });

    test('of several platforms ours goes along alone', async () => {
      const target = kept(kind, 'own');
      expect(await place.copy(all(), target)).toBe(IMAGE.manifest.digest);
      expect(theirDigest(target)).toBe(IMAGE.manifest.digest);
    });
  });

  test('a layout takes a second image, and both are read by skopeo', async () => {
    const target = place.path('both');
    await place.copy(layout(), `oci:${target}:first`);
    await place.copy(all(), `oci:${target}:second`, 'all');
    expect(theirDigest(`oci:${target}:first`)).toBe(IMAGE.manifest.digest);
    expect(theirDigest(`oci:${target}:second`)).toBe(INDEX_DIGEST);
    skopeo('copy', '--quiet', `oci:${target}:first`, `oci:${target}:third`);
    expect(await place.copy(`oci:${target}:third`, `oci:${place.path('out')}:app`)).toBe(IMAGE.manifest.digest);
  });

  test('an oci-archive takes a second image, and both are read by skopeo', async () => {
    const target = place.path('both.tar');
    skopeo('copy', '--quiet', layout(), `oci-archive:${target}:first`);
    await place.copy(all(), `oci-archive:${target}:second`, 'all');
    expect(theirDigest(`oci-archive:${target}:first`)).toBe(IMAGE.manifest.digest);
    expect(theirDigest(`oci-archive:${target}:second`)).toBe(INDEX_DIGEST);
  });

  test('a docker-archive that is there is refused, and an empty file written, by skopeo as by us', async () => {
    const copies: readonly ((target: string) => Promise<unknown>)[] = [
      async (target) => skopeo('copy', '--quiet', layout(), target),
      (target) => place.copy(layout(), target),
    ];
    for (const [number, copy] of copies.entries()) {
      const file = place.path(`there-${number}.tar`);
      writeFileSync(file, '');
      await copy(`docker-archive:${file}:app:1`);
      const before = readFileSync(file);
      for (const again of copies) await expect(again(`docker-archive:${file}:app:2`)).rejects.toThrow();
      expect(readFileSync(file).equals(before)).toBe(true);
    }
  });

  describe('to and from docker-archive', () => {
    const config = (reference: string): Buffer =>
      execFileSync('skopeo', ['inspect', '--config', '--raw', reference], { maxBuffer: 1 << 26 });

    test('ours keeps the image id, and its layers are those of skopeo', async () => {
      const target = `docker-archive:${place.path('ours.tar')}:example.com/app:1`;
      await place.copy(layout(), target);
      expect(config(target).equals(IMAGE.config.bytes)).toBe(true);
      expect(JSON.parse(skopeo('inspect', target)).Layers).toEqual(DIFF_IDS);
      skopeo('copy', '--quiet', target, `oci:${place.path('back')}:app`);
      expect(diffIdsOf(place.path('back'))).toEqual(DIFF_IDS);
    });

    test.each([
      ['as it is', []],
      ['compressed with gzip', ['gzip']],
      ['compressed with xz', ['xz', '-T1']],
      ['compressed with bzip2', ['bzip2']],
      ['compressed with zstd', ['zstd', '-q', '--rm']],
    ])("skopeo's is read by us %s", async (_, command) => {
      const [program, ...words] = command;
      const file = place.path('theirs.tar');
      skopeo('copy', '--quiet', layout(), `docker-archive:${file}:example.com/app:1`);
      if (program !== undefined) execFileSync(program, [...words, file]);
      const suffix = { gzip: '.gz', xz: '.xz', bzip2: '.bz2', zstd: '.zst' }[program ?? ''] ?? '';
      await place.copy(`docker-archive:${file}${suffix}:example.com/app:1`, `oci:${place.path('back')}:app`);
      expect(diffIdsOf(place.path('back'))).toEqual(DIFF_IDS);
    });

    test('from there and back to a registry the layers are the same', async () => {
      const file = `docker-archive:${place.path('ours.tar')}:app:1`;
      await place.copy(layout(), file);
      const digest = await place.copy(file, `docker://${registry.host}/from-archive:1`);
      expect(theirDigest(`docker://${registry.host}/from-archive:1`)).toBe(digest);
      skopeo(
        'copy',
        '--quiet',
        TLS.source,
        `docker://${registry.host}/from-archive:1`,
        `oci:${place.path('back')}:app`,
      );
      expect(diffIdsOf(place.path('back'))).toEqual(DIFF_IDS);
    });

    test.skipIf(missingPrograms(['podman']).length > 0)(
      'podman loads ours with its id, and we read what it saves',
      async () => {
        const [file, root] = [place.path('ours.tar'), place.path('podman')];
        const podman = (...words: readonly string[]): string => {
          const places = ['--root', root, '--runroot', `${root}-run`, '--storage-driver', 'vfs'];
          return execFileSync('podman', [...places, ...words], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
        };
        try {
          await place.copy(layout(), `docker-archive:${file}:example.com/app:1`);
          podman('load', '--quiet', '--input', file);
          const id = podman('images', '--no-trunc', '--format', '{{.ID}}', 'example.com/app:1').trim();
          expect(id).toBe(IMAGE.config.digest);
          for (const format of ['docker-archive', 'oci-archive']) {
            podman('save', '--quiet', '--format', format, '--output', place.path(format), 'example.com/app:1');
            await place.copy(`${format}:${place.path(format)}`, `oci:${place.path(`back-${format}`)}:app`);
            expect(diffIdsOf(place.path(`back-${format}`))).toEqual(DIFF_IDS);
          }
        } finally {
          podman('rmi', '--all', '--force');
        }
      },
    );

    test('an index of several platforms is refused', async () => {
      await expect(place.copy(all(), `docker-archive:${place.path('x.tar')}`, 'all')).rejects.toMatchObject({
        code: 'docker-archive-target.severalPlatforms',
      });
    });
  });
});

/** Diff ids of the only image of a layout, as its config has them. */
function diffIdsOf(directory: string): readonly string[] {
  const read = (digest: string): Record<string, unknown> =>
    JSON.parse(readFileSync(join(directory, 'blobs/sha256', digest.slice('sha256:'.length)), 'utf8'));
  const { manifests } = JSON.parse(readFileSync(join(directory, 'index.json'), 'utf8'));
  const { config } = read(manifests[0].digest) as { readonly config: { readonly digest: string } };
  return (read(config.digest).rootfs as { readonly diff_ids: readonly string[] }).diff_ids;
}

/** A layout with an image, `app`, and the same with another platform, `all`. */
function writeLayout(directory: string): void {
  const entry = (mediaType: string, name: string, bytes: Buffer) => ({
    mediaType,
    digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
    size: bytes.length,
    annotations: { 'org.opencontainers.image.ref.name': name },
  });
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      manifests: [
        entry(IMAGE.manifest.mediaType, 'app', IMAGE.manifest.bytes),
        entry('application/vnd.oci.image.index.v1+json', 'all', INDEX),
      ],
    }),
  );
  const files = new Map(layoutOf(index, [IMAGE, OTHER]));
  files.set(`blobs/sha256/${INDEX_DIGEST.slice('sha256:'.length)}`, INDEX);
  for (const [name, content] of files) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
}
