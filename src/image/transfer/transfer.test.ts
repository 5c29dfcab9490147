import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type BuiltImage, buildImage } from '../built-image.fixture.ts';
import { sha256Of } from '../config-document.ts';
import { writeTar } from '../embedded/tar-writer.ts';
import { DEFAULT_LIMITS } from '../limits.ts';
import { OCI_INDEX, OCI_MANIFEST } from '../media-types.ts';
import { IMAGE as MIRRORED, Mirrored } from '../registry/mirrored.fixture.ts';
import type { ImageSource } from '../source.ts';
import type { ImageTarget } from '../target.ts';
import { writeLayout } from './layout.fixture.ts';
import { transferImage } from './transfer.ts';
import { TransferPlace } from './transfer-ports.fixture.ts';

const IMAGE = buildImage(
  ['one', 'two'].map((path) => writeTar([{ path, mode: 0o644, content: randomBytes(3_000_000) }])),
);
let place: TransferPlace;

beforeEach(() => {
  place = new TransferPlace();
  writeLayout(place.path('layout'), 'app', IMAGE);
});

afterEach(async () => {
  expect(await place.leftovers()).toEqual([]);
  place.remove();
});

/** A target that notes what it is given. */
function noting(has: readonly string[] = []): { readonly target: ImageTarget; readonly noted: string[] } {
  const noted: string[] = [];
  const target: ImageTarget = {
    ...{ name: 'noting', finish: async () => {}, close: async () => {} },
    hasBlob: async ({ digest }) => has.includes(digest),
    putBlob: async ({ digest }, content) => {
      for await (const _ of content());
      noted.push(`blob ${digest}`);
    },
    putManifest: async ({ digest }, role) => {
      noted.push(`${role} ${digest}`);
    },
  };
  return { target, noted };
}

const options = () => ({ platforms: 'all' as const, limits: DEFAULT_LIMITS, signal: place.signal });

test('blobs come before the manifest that names them, and those that are there do not come', async () => {
  const [first, second] = IMAGE.layers;
  const { target, noted } = noting([first?.digest ?? '']);
  await transferImage(place.source(`oci:${place.path('layout')}`), target, options());
  expect(noted.slice(0, -1).sort()).toEqual([`blob ${IMAGE.config.digest}`, `blob ${second?.digest}`].sort());
  expect(noted.at(-1)).toBe(`root ${IMAGE.manifest.digest}`);
});

test('how far it is shows for each blob', async () => {
  const states = new Map<string, string[]>();
  const onProgress = (event: { readonly kind: string; readonly digest?: string; readonly state?: string }): void => {
    const { digest = '', state = event.kind } = event;
    states.set(digest, [...(states.get(digest) ?? []), state]);
  };
  const { target } = noting([IMAGE.config.digest]);
  await transferImage(place.source(`oci:${place.path('layout')}`), target, { ...options(), onProgress });
  expect(states.get('')).toEqual(['resolved']);
  expect(states.get(IMAGE.config.digest)).toEqual(['exists']);
  expect(states.get(IMAGE.layers[0]?.digest ?? '')?.at(0)).toBe('fetching');
  expect(states.get(IMAGE.layers[0]?.digest ?? '')?.at(-1)).toBe('copied');
});

test.each(['oci', 'oci-archive', 'docker-archive'])('of a source that lies nothing is left in %s', async (kind) => {
  const layer = IMAGE.layers[1];
  const path = place.path(`layout/blobs/sha256/${layer?.digest.slice('sha256:'.length)}`);
  writeFileSync(path, Buffer.alloc(layer?.bytes.length ?? 0));
  await expect(place.copy(`oci:${place.path('layout')}`, `${kind}:${place.path('made')}`)).rejects.toMatchObject({
    kind: 'data-loss',
    code: 'image-content.wrongDigest',
  });
  expect(readdirSync(place.root).filter((name) => name !== 'held')).toEqual(['layout']);
});

test('one that is cancelled leaves nothing either', async () => {
  const end = new AbortController();
  const target = await place.target(`oci:${place.path('made')}`);
  const onProgress = (): void => end.abort(new Error('enough'));
  const source = place.source(`oci:${place.path('layout')}`);
  await expect(transferImage(source, target, { ...options(), signal: end.signal, onProgress })).rejects.toThrow(
    'enough',
  );
  await target.close();
  expect(readdirSync(place.root)).not.toContain('made');
});

test('artifacts are copied as they are, though nobody can run them', async () => {
  const blob = Buffer.from('anything');
  const config = Buffer.from('{}');
  const described = (mediaType: string, bytes: Buffer) => ({ mediaType, digest: sha256Of(bytes), size: bytes.length });
  const manifest = Buffer.from(
    JSON.stringify({
      ...{ schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', artifactType: 'text/plain' },
      config: described('application/vnd.oci.empty.v1+json', config),
      layers: [described('text/plain', blob)],
    }),
  );
  const bytes = new Map([blob, config].map((one) => [sha256Of(one) as string, one]));
  const { target, noted } = noting();
  await transferImage(
    {
      ...{ name: 'artifact', pinned: undefined, close: () => {} },
      root: async () => ({ mediaType: undefined, bytes: manifest }),
      manifest: async () => ({ mediaType: undefined, bytes: manifest }),
      blob: async function* ({ digest }) {
        yield bytes.get(digest) ?? Buffer.alloc(0);
      },
    },
    target,
    options(),
  );
  expect(noted).toHaveLength(3);
  expect(noted.at(-1)).toBe(`root ${sha256Of(manifest)}`);
});

const chart = (): BuiltImage =>
  buildImage([Buffer.from('a chart')], { configType: 'application/vnd.cncf.helm.config.v1+json' });

test.each(['oci', 'oci-archive'])(
  'a single manifest that is no image is copied to %s without a word of platforms',
  async (kind) => {
    writeLayout(place.path('charts'), 'chart', chart());
    const from = `oci:${place.path('charts')}:chart`;
    expect(await place.copy(from, `${kind}:${place.path('made')}:chart`)).toBe(chart().manifest.digest);
    expect(await place.copy(`${kind}:${place.path('made')}:chart`, `oci:${place.path('back')}`)).toBe(
      chart().manifest.digest,
    );
  },
);

test.each(['docker-archive', 'docker-daemon', 'tar', 'dir'])(
  'what is no image is refused for %s before anything of it is asked for, with what to do',
  async (kind) => {
    writeLayout(place.path('charts'), 'chart', chart());
    rmSync(place.path(`charts/blobs/sha256/${chart().config.digest.slice('sha256:'.length)}`));
    const target = kind === 'docker-daemon' ? 'docker-daemon:chart:1' : `${kind}:${place.path('made')}`;
    for (const platforms of ['own', 'all'] as const) {
      await expect(place.copy(`oci:${place.path('charts')}:chart`, target, platforms)).rejects.toMatchObject({
        code: 'manifest.notAnImage',
        message: expect.stringContaining(`oci:${place.path('charts')}:chart is not a container image`),
        remedy: expect.stringContaining('oci-archive:'),
      });
    }
  },
);

test.each(['docker-archive', 'tar'])(
  'an index that %s cannot hold is refused before anything else is asked for',
  async (kind) => {
    const manifest = { mediaType: OCI_MANIFEST, digest: IMAGE.manifest.digest, size: IMAGE.manifest.bytes.length };
    const index = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [manifest] });
    const asked: string[] = [];
    const source: ImageSource = {
      ...{ name: 'index', pinned: undefined, close: () => {} },
      root: async () => ({ mediaType: OCI_INDEX, bytes: Buffer.from(index) }),
      manifest: async ({ digest }) => {
        asked.push(digest);
        return { mediaType: OCI_MANIFEST, bytes: IMAGE.manifest.bytes };
      },
      blob: async function* ({ digest }) {
        asked.push(digest);
        yield* [];
      },
    };
    const target = await place.target(`${kind}:${place.path('made')}`);
    await expect(transferImage(source, target, options())).rejects.toMatchObject({
      kind: 'invalid-argument',
      code: expect.stringContaining('severalPlatforms'),
    });
    await target.close();
    expect(asked).toEqual([]);
  },
);

test('a copy into a layout that fails leaves what another one found there meanwhile', async () => {
  writeLayout(place.path('shared'), 'old', buildImage([]));
  const from = () => place.source(`oci:${place.path('layout')}`);
  const [first, second] = [
    await place.target(`oci:${place.path('shared')}:a`),
    await place.target(`oci:${place.path('shared')}:b`),
  ];
  for (const layer of IMAGE.layers) {
    const descriptor = { digest: layer.digest, sizeBytes: layer.bytes.length, mediaType: '' };
    await first.putBlob(descriptor, () => from().blob(descriptor, place.signal), place.signal);
  }
  await transferImage(from(), second, options());
  await first.close();
  await second.finish(place.signal);
  await second.close();
  const { target, noted } = noting();
  await transferImage(place.source(`oci:${place.path('shared')}:b`), target, options());
  expect(noted).toHaveLength(4);
});

test('copies that begin at once with a new layout all come into it', async () => {
  const names = Array.from({ length: 8 }, (_, number) => `n${number}`);
  const made = (name: string): string => `oci:${place.path('made')}:${name}`;
  await Promise.all(names.map((name) => place.copy(`oci:${place.path('layout')}`, made(name))));
  const { manifests } = JSON.parse(readFileSync(place.path('made/index.json'), 'utf8'));
  const named = (manifests as readonly { readonly annotations: Readonly<Record<string, string>> }[]).map(
    ({ annotations }) => annotations['org.opencontainers.image.ref.name'],
  );
  expect(named.sort()).toEqual(names);
});

test('of copies that come by a directory and by a link to it both are in the list', async () => {
  await place.copy(`oci:${place.path('layout')}`, `oci:${place.path('made')}:first`);
  symlinkSync(place.path('made'), place.path('link'));
  const targets = ['made', 'link'].flatMap((path) => [
    `oci:${place.path(path)}:a-${path}`,
    `oci:${place.path(path)}:b-${path}`,
  ]);
  await Promise.all(targets.map((target) => place.copy(`oci:${place.path('layout')}`, target)));
  expect(JSON.parse(readFileSync(place.path('made/index.json'), 'utf8')).manifests).toHaveLength(5);
});

test('a copy goes on with a layout that one that was killed has begun', async () => {
  mkdirSync(place.path('made/blobs/sha256'), { recursive: true });
  writeFileSync(place.path('made/.tmp-begun'), '');
  const target = `oci:${place.path('made')}:app`;
  expect(await place.copy(`oci:${place.path('layout')}`, target)).toBe(IMAGE.manifest.digest);
});

test('a directory that holds other things is made no layout', async () => {
  mkdirSync(place.path('made/blobs/pictures'), { recursive: true });
  await expect(place.copy(`oci:${place.path('layout')}`, `oci:${place.path('made')}:app`)).rejects.toMatchObject({
    code: 'layout.notALayout',
  });
  expect(readdirSync(place.path('made/blobs'))).toEqual(['pictures']);
});

test('a copy that fails takes away no directory that another one begins with', async () => {
  const [first, second] = await Promise.all(
    ['a', 'b'].map((name) => place.target(`oci:${place.path('made')}:${name}`)),
  );
  if (first === undefined || second === undefined) throw new Error('no targets');
  const blob = { digest: IMAGE.config.digest, sizeBytes: 1, mediaType: '' };
  await first.hasBlob(blob, place.signal);
  const transfer = transferImage(place.source(`oci:${place.path('layout')}`), second, options());
  await Promise.all([first.close(), transfer]);
  await second.finish(place.signal);
  await second.close();
  expect(readdirSync(place.path('made')).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
});

/** Copies an image of which a mirror sends a layer wrong. */
async function copyFromLiar(target: ImageTarget): Promise<string> {
  const hosts = await Mirrored.start();
  const layer = MIRRORED.layers[0];
  hosts.sayMirror();
  hosts.mirror.misbehave = (request, response) => {
    if (!request.url?.includes(layer?.digest ?? '-')) return false;
    response.end(Buffer.alloc(layer?.bytes.length ?? 0));
    return true;
  };
  try {
    const { digest } = await transferImage(hosts.open(), target, options());
    await target.finish(place.signal);
    return digest;
  } catch (error) {
    throw new Error(String(error).replaceAll(hosts.mirror.host, 'the mirror'));
  } finally {
    await target.close();
    await hosts.stop();
  }
}

test.each(['oci', 'docker-archive'])(
  'a layer that a mirror sends wrong is copied to %s as another host has it',
  async (kind) => {
    const target = await place.target(`${kind}:${place.path('made')}:app`);
    expect(await copyFromLiar(target)).toBe(MIRRORED.manifest.digest);
  },
);

test('an archive that is written as it comes takes nothing twice, and the error names who sent what is wrong', async () => {
  const target = await place.target(`oci-archive:${place.path('made')}:app`);
  await expect(copyFromLiar(target)).rejects.toThrow(/should have digest .*; it came from the mirror$/);
});
