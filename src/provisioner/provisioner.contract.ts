import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nodeEffects } from '../base/effects/node-effects.ts';
import type { BackendName } from '../model/backend.ts';
import { parseContainerUid } from '../model/container-id.ts';
import { parseDigest } from '../model/digest.ts';
import type { Image } from '../model/image-config.ts';
import type { RunSteps } from './backend.ts';
import { allBackends } from './backends.ts';
import { imageProvisioner } from './image-provisioner.ts';
import type { Provisioner, RootfsRequest } from './provisioner.ts';

const UID = parseContainerUid('0123456789ab');

/** The laws that a provisioner keeps with every backend. @param run does the steps, for real or in imitation */
export function provisionerContract(
  name: BackendName,
  { run, layers }: { readonly run: RunSteps; readonly layers: number },
): void {
  const fixture = (use: (fixture: LayersFixture) => Promise<void>): Promise<void> =>
    withLayers(layers, use, { run, agentsChoice: name });

  test(`${name}: a recipe touches neither the layers nor the container's directories`, () =>
    fixture(async ({ root, image, provisioner, request }) => {
      await provisioner.recipe(UID, image, request); // what it tries on this host, it tries once
      const before = await readdir(root, { recursive: true });
      await provisioner.recipe(UID, image, request);
      expect(await readdir(root, { recursive: true })).toEqual(before);
    }));

  test(`${name}: the same image gives the same recipe, and says why it is this backend`, () =>
    fixture(async ({ image, provisioner, request }) => {
      const first = await provisioner.recipe(UID, image, request);
      expect(await provisioner.recipe(UID, image, request)).toEqual(first);
      expect(first).toMatchObject({ kind: name, because: 'the agent asks for it' });
    }));

  test(`${name}: what was settled in an earlier life is taken without another look`, () =>
    fixture(async ({ image, provisioner, request }) => {
      const settled = { name, because: 'of old' };
      const recipe = await provisioner.recipe(UID, image, { ...request, asked: 'overlay', settled });
      expect(recipe).toMatchObject({ kind: name, because: 'of old' });
    }));

  test(`${name}: a layer that is gone is data loss and named`, () =>
    fixture(async ({ image, provisioner, request }) => {
      const [lost = image.id] = image.chainIds;
      const [directory = ''] = (await provisioner.layers(image)).slice(-1);
      await rm(directory, { recursive: true });
      await expect(provisioner.recipe(UID, image, request)).rejects.toMatchObject({
        ...{ kind: 'data-loss', code: 'provisioner.layerMissing', message: expect.stringContaining(lost) },
      });
    }));

  test(`${name}: what is provided once is there, and is not made again`, () =>
    fixture(async ({ root, image, provisioner, request }) => {
      const recipe = await provisioner.recipe(UID, image, request);
      const { signal } = new AbortController();
      const provided = await provisioner.provide(recipe, signal);
      const made = await listed(root);
      expect(provided.kind).toBe(name);
      expect(await provisioner.provide(await provisioner.recipe(UID, image, request), signal)).toEqual(provided);
      await provisioner.removeOrphans();
      await provisioner.recover();
      expect(await listed(root)).toEqual(made);
    }));

  test(`${name}: nothing is provided for who has given up`, () =>
    fixture(async ({ root, image, provisioner, request }) => {
      const recipe = await provisioner.recipe(UID, image, request);
      const before = await listed(root);
      const given = AbortSignal.abort(new Error('given up'));
      await provisioner.provide(recipe, given).catch((error) => expect(error).toMatchObject({ message: 'given up' }));
      expect(await listed(root)).toEqual(before);
    }));
}

export interface LayersFixture {
  readonly root: string;
  readonly image: Image;
  readonly provisioner: Provisioner;
  /** Read-only, with directories of the container's that exist. */
  readonly request: RootfsRequest;
}

/** An image of so many layers whose directories exist, for the length of `use`; layer `n`, from below, has a file `n`. */
export async function withLayers(
  count: number,
  use: (fixture: LayersFixture) => Promise<void>,
  { run, agentsChoice }: { readonly run: RunSteps; readonly agentsChoice?: BackendName },
): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'isopod-provisioner-'));
  try {
    const chainIds = Array.from({ length: count }, (_, index) => parseDigest(`sha256:${`${index}`.repeat(64)}`));
    const layerDirectory = (chainId: string): string => `${root}/layers/${chainId.slice('sha256:'.length)}`;
    await mkdir(`${root}/c`);
    for (const [index, chainId] of chainIds.entries()) {
      await mkdir(layerDirectory(chainId), { recursive: true });
      await writeFile(join(layerDirectory(chainId), `${index}`), '');
    }
    const { files, random } = nodeEffects();
    const { signal } = new AbortController();
    const backends = allBackends({ files, random, rootDir: root, run, runHostSteps: (steps) => run(steps, signal) });
    const provisioner = imageProvisioner({ files, images: { layerDirectory }, backends, agentsChoice });
    const own = { upperDir: `${root}/c/upper`, workDir: `${root}/c/work`, treeDir: `${root}/c/tree` };
    await use({ root, image: imageOf(chainIds), provisioner, request: { ...own, readOnly: true } });
  } finally {
    await rm(root, { recursive: true });
  }
}

function imageOf(chainIds: Image['chainIds']): Image {
  const id = parseDigest(`sha256:${'f'.repeat(64)}`);
  const config = { entrypoint: [], cmd: [], env: [], workdir: '', user: '', labels: {}, stopSignal: undefined };
  const told = { createdAt: undefined, architecture: 'amd64', os: 'linux', references: ['r.io/app:1'] };
  const rest = { ...told, layerBytes: [], sizeBytes: 0 };
  return { id, manifestDigest: id, manifestDigests: {}, config, chainIds, ...rest };
}

async function listed(root: string): Promise<readonly string[]> {
  return (await readdir(root, { recursive: true })).sort();
}
