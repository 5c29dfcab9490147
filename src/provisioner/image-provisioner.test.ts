import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseContainerUid } from '../model/container-id.ts';
import type { ImageRecipe } from '../model/launch-plan.ts';
import { provisionerContract, withLayers } from './provisioner.contract.ts';
import { StandInHelper } from './stand-in-helper.fixture.ts';

const UID = parseContainerUid('0123456789ab');
const { signal } = new AbortController();
const SEAL = `sha256:${'ab'.repeat(32)}`;

provisionerContract('overlay', { run: new StandInHelper().run, layers: 3 });
provisionerContract('copy', { run: new StandInHelper().run, layers: 3 });
provisionerContract('bind', { run: new StandInHelper().run, layers: 1 });
provisionerContract('erofs', { run: new StandInHelper().run, layers: 3 });

function layerDirectories(root: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${root}/layers/${`${index}`.repeat(64)}`).reverse();
}

describe('recipes', () => {
  test('overlay: the top layer comes first, and the container gets its own upper and work directories', () =>
    withLayers(
      3,
      async ({ root, image, provisioner, request }) => {
        expect(await provisioner.recipe(UID, image, request)).toEqual({
          ...{ kind: 'overlay', because: 'it works best here', lowerDirs: layerDirectories(root, 3) },
          ...{ upperDir: `${root}/c/upper`, workDir: `${root}/c/work` },
        });
      },
      new StandInHelper(),
    ));

  test('an image without layers is refused', () =>
    withLayers(
      0,
      async ({ image, provisioner, request }) => {
        await expect(provisioner.recipe(UID, image, request)).rejects.toMatchObject({ code: 'provisioner.noLayers' });
      },
      new StandInHelper(),
    ));

  test('erofs: an image has the digest that seals it, and none where nothing does', async () => {
    const helper = new StandInHelper();
    helper.verity = SEAL;
    await withLayers(
      1,
      async ({ image, provisioner, request }) => {
        const recipe = await provisioner.recipe(UID, image, { ...request, asked: 'erofs' });
        expect(recipe).toMatchObject({ layers: [{ file: expect.stringMatching(/\/erofs\/0{64}\.erofs$/) }] });
        expect(await provisioner.provide(recipe, signal)).toMatchObject({ layers: [{ verity: SEAL }] });
      },
      helper,
    );
  });
});

test('of a recipe that is only shown the seals are known of images that are there, and of others that they are to be made', async () => {
  const helper = new StandInHelper();
  helper.verity = SEAL;
  await withLayers(
    2,
    async ({ root, image, provisioner, request }) => {
      const recipe = await provisioner.recipe(UID, image, { ...request, asked: 'erofs' });
      const unmade = { layers: [{ isToBeMade: true }, { isToBeMade: true }] };
      expect(await provisioner.foresee(recipe)).toMatchObject(unmade);
      expect(existsSync(`${root}/erofs`)).toBe(false);
      await provisioner.provide(recipe, signal);
      const [first, second] = await sealsOf(provisioner.foresee(recipe));
      expect([first, second]).toEqual([SEAL, SEAL]);
    },
    helper,
  );
});

async function sealsOf(recipe: Promise<ImageRecipe>): Promise<readonly (string | undefined)[]> {
  const { layers } = (await recipe) as Extract<ImageRecipe, { readonly kind: 'erofs' }>;
  return layers.map(({ verity, isToBeMade }) => (isToBeMade === true ? 'none' : verity));
}

describe('a choice', () => {
  /** The backend that is chosen where the kernel refuses overlays. */
  async function withoutOverlay(layers: number, readOnly: boolean) {
    const helper = new StandInHelper();
    helper.refuses.set('create-overlay', 'ENODEV');
    let choice: unknown;
    await withLayers(
      layers,
      async ({ image, provisioner, request }) => {
        choice = await provisioner.recipe(UID, image, { ...request, readOnly });
      },
      helper,
    );
    return choice;
  }

  test('without overlayfs, a copy is made, and the reason is told', async () => {
    expect(await withoutOverlay(2, false)).toMatchObject({
      kind: 'copy',
      because: expect.stringMatching(
        /^no overlay: the kernel refuses an overlay: ENODEV.*; no bind: .* the image has 2$/,
      ),
    });
  });

  test('without overlayfs, a single layer is bound where nothing is written', async () => {
    expect(await withoutOverlay(1, true)).toMatchObject({ kind: 'bind' });
    expect(await withoutOverlay(1, false)).toMatchObject({ kind: 'copy' });
  });

  test('what fails by accident is told, and nothing else is chosen for it', () => {
    const helper = new StandInHelper();
    helper.refuses.set('create-overlay', 'EMFILE');
    return withLayers(
      1,
      async ({ image, provisioner, request }) => {
        await expect(provisioner.recipe(UID, image, request)).rejects.toMatchObject({
          code: 'helper-worker.stepFailed',
        });
      },
      helper,
    );
  });

  test('what a container asks for wins over what the agent was told', () =>
    withLayers(
      1,
      async ({ image, provisioner, request }) => {
        expect(await provisioner.recipe(UID, image, { ...request, asked: 'copy' })).toMatchObject({
          ...{ kind: 'copy', because: 'the container asks for it' },
        });
      },
      { run: new StandInHelper().run, agentsChoice: 'bind' },
    ));

  test('bind is refused for several layers, and for who writes, with the remedy', async () => {
    for (const [layers, readOnly, remedy] of [
      [2, true, /single layer/],
      [1, false, /--read-only/],
    ] as const) {
      await withLayers(
        layers,
        async ({ image, provisioner, request }) => {
          await expect(provisioner.recipe(UID, image, { ...request, readOnly, asked: 'bind' })).rejects.toMatchObject({
            ...{ kind: 'failed-precondition', code: 'provisioner.unfit', remedy: expect.stringMatching(remedy) },
          });
        },
        new StandInHelper(),
      );
    }
  });

  test.each([
    ['mkfs.erofs', 'make-erofs', 'ENOEXEC', 'erofs-utils'],
    ['a loop device, where the kernel wants one,', 'create-erofs-overlay', 'ENXIO', 'modprobe loop'],
  ])('erofs without %s is refused, with what to do', (_what, op, errno, remedy) => {
    const helper = new StandInHelper();
    helper.refuses.set(op, errno);
    return withLayers(
      1,
      async ({ image, provisioner, request }) => {
        const asking = () => provisioner.recipe(UID, image, { ...request, asked: 'erofs' });
        await expect(asking()).rejects.toMatchObject({
          ...{ code: 'provisioner.unusable', remedy: expect.stringContaining(remedy) },
        });
        helper.refuses.clear();
        expect(await asking()).toMatchObject({ kind: 'erofs' });
      },
      helper,
    );
  });
});

describe('what is made', () => {
  test('a copy that failed is no copy, and the next one takes its place', () => {
    const helper = new StandInHelper();
    helper.refuses.set('sync-filesystem', 'EIO');
    return withLayers(
      2,
      async ({ root, image, provisioner, request }) => {
        const recipe = await provisioner.recipe(UID, image, { ...request, asked: 'copy' });
        await expect(provisioner.provide(recipe, signal)).rejects.toMatchObject({ code: 'helper-worker.stepFailed' });
        expect(existsSync(`${root}/c/tree`)).toBe(false);
        helper.refuses.clear();
        await provisioner.provide(recipe, signal);
        expect(readdirSync(`${root}/c/tree`).sort()).toEqual(['0', '1']);
        expect(readdirSync(`${root}/c`)).toEqual(['tree']);
      },
      helper,
    );
  });

  test('an image of a layer that failed leaves nothing, and two who want one make one', () => {
    const helper = new StandInHelper();
    helper.refuses.set('enable-verity', 'EIO');
    return withLayers(
      1,
      async ({ root, image, provisioner, request }) => {
        const recipe = await provisioner.recipe(UID, image, { ...request, asked: 'erofs' });
        await expect(provisioner.provide(recipe, signal)).rejects.toMatchObject({ code: 'helper-worker.stepFailed' });
        expect(readdirSync(`${root}/erofs`)).toEqual([]);
        helper.refuses.clear();
        helper.ran.length = 0;
        await Promise.all([provisioner.provide(recipe, signal), provisioner.provide(recipe, signal)]);
        expect(helper.ran.filter((op) => op === 'make-erofs')).toHaveLength(1);
      },
      helper,
    );
  });

  test('an image beside which no seal is written, nor that there is none, is made again', () => {
    const helper = new StandInHelper();
    helper.verity = SEAL;
    return withLayers(
      1,
      async ({ root, image, provisioner, request }) => {
        const recipe = await provisioner.recipe(UID, image, { ...request, asked: 'erofs' });
        await provisioner.provide(recipe, signal);
        writeFileSync(`${root}/erofs/${'0'.repeat(64)}.verity`, '');
        expect(await provisioner.provide(recipe, signal)).toMatchObject({ layers: [{ verity: SEAL }] });
      },
      helper,
    );
  });

  test('an image goes with its layer, and what was being made with the engine', () =>
    withLayers(
      2,
      async ({ root, image, provisioner, request }) => {
        await provisioner.provide(await provisioner.recipe(UID, image, { ...request, asked: 'erofs' }), signal);
        expect(readdirSync(`${root}/erofs`)).toHaveLength(4);
        rmSync(`${root}/layers/${'1'.repeat(64)}`, { recursive: true });
        await provisioner.removeOrphans();
        expect(readdirSync(`${root}/erofs`).sort()).toEqual(
          ['erofs', 'verity'].map((end) => `${'0'.repeat(64)}.${end}`),
        );
      },
      new StandInHelper(),
    ));
});

describe('an image of a layer that is held against its tree', () => {
  async function verified(errno: string | undefined, repair: boolean) {
    const helper = new StandInHelper();
    helper.verity = SEAL;
    let result: unknown;
    await withLayers(
      1,
      async ({ root, image, provisioner, request }) => {
        const [chainId = image.id] = image.chainIds;
        expect(await provisioner.verifyLayer(chainId, { repair, signal })).toBeUndefined();
        await provisioner.provide(await provisioner.recipe(UID, image, { ...request, asked: 'erofs' }), signal);
        if (errno !== undefined) helper.refuses.set('compare-erofs', errno);
        result = [await provisioner.verifyLayer(chainId, { repair, signal }), readdirSync(`${root}/erofs`).length];
      },
      helper,
    );
    return result;
  }
  const fault = (state: string, found: string) => ({
    ...{ isSealed: false, isUnchecked: false },
    fault: { state, found: expect.stringContaining(found) },
  });

  test('is sealed where the helper found it so', async () => {
    expect(await verified(undefined, true)).toEqual([{ isSealed: true, isUnchecked: false }, 2]);
  });

  test.each([
    ['ENOMSG', fault('changed', 'changed')],
    ['EBADMSG', fault('changed', 'not sealed as it was')],
    ['EIO', fault('damaged', 'EIO')],
    ['EINVAL', fault('damaged', 'EINVAL')],
  ])('%s is a fault of it, and a repair takes it away', async (errno, finding) => {
    expect(await verified(errno, false)).toEqual([finding, 2]);
    expect(await verified(errno, true)).toEqual([finding, 0]);
  });

  test('says nothing where this kernel mounts none, or it is gone, and fails by an accident', async () => {
    expect(await verified('ENXIO', true)).toEqual([{ isSealed: false, isUnchecked: true }, 2]);
    expect(await verified('ENOENT', true)).toEqual([undefined, 2]);
    await expect(verified('ENOMEM', true)).rejects.toMatchObject({ code: 'helper-worker.stepFailed' });
  });
});
