import { describe, expect, test } from 'vitest';
import { type BuiltImage, buildImage } from './built-image.fixture.ts';
import { writeTar } from './embedded/tar-writer.ts';
import type { Descriptor } from './manifest.ts';
import type { ImageSource } from './source.ts';
import type { ImageTarget } from './target.ts';

/** Somewhere to put one image; `dispose` takes away what it stands on. */
export interface TargetUnderTest {
  /** The same place, opened anew. */
  open(): Promise<ImageTarget>;
  /** What is there now, for whoever reads it. */
  read(): ImageSource;
  /** Whether manifests come out byte for byte; else the image has its config and what its layers unpack to. */
  readonly keepsManifests: boolean;
  /** Whether one image is all that a place takes: another one is refused. */
  readonly isWrittenOnce?: boolean;
  dispose(): Promise<void>;
}

type Law = (target: TargetUnderTest) => Promise<void>;

const { signal } = new AbortController();
const TARS = ['one', 'two'].map((name) => writeTar([{ path: name, mode: 0o644, content: Buffer.alloc(70_000, name) }]));
const IMAGE = buildImage(TARS);

function blobsOf({
  config,
  layers,
}: BuiltImage): readonly { readonly descriptor: Descriptor; readonly bytes: Buffer }[] {
  const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' };
  return [
    { ...config, mediaType: 'application/vnd.oci.image.config.v1+json' },
    ...layers.map((one) => ({ ...one, ...layer })),
  ].map(({ digest, bytes, mediaType }) => ({ descriptor: { mediaType, digest, sizeBytes: bytes.length }, bytes }));
}

async function put(target: ImageTarget, image: BuiltImage): Promise<void> {
  await Promise.all(
    blobsOf(image).map(async ({ descriptor, bytes }) => {
      if (!(await target.hasBlob(descriptor, signal))) await target.putBlob(descriptor, () => halves(bytes), signal);
    }),
  );
  await target.putManifest(image.manifest, 'root', signal);
}

async function putWhole(place: TargetUnderTest): Promise<void> {
  const target = await place.open();
  await put(target, IMAGE);
  await target.finish(signal);
  await target.close();
}

async function* halves(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(0, bytes.length >> 1);
  yield bytes.subarray(bytes.length >> 1);
}

async function readAll(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

interface Read {
  readonly manifest: Buffer;
  readonly config: string;
  readonly layers: readonly Buffer[];
}

/** @returns `undefined` where there is no such image */
async function readImage(source: ImageSource): Promise<Read | undefined> {
  try {
    const { bytes } = await source.root(signal);
    const document = JSON.parse(Buffer.from(bytes).toString()) as Record<'layers', RawDescriptor[]> & {
      readonly config: RawDescriptor;
    };
    const blob = ({ mediaType, digest, size }: RawDescriptor) =>
      readAll(source.blob({ mediaType, digest: digest as Descriptor['digest'], sizeBytes: size }, signal));
    return {
      manifest: Buffer.from(bytes),
      config: (await blob(document.config)).toString(),
      layers: await Promise.all(document.layers.map(blob)),
    };
  } catch (error) {
    if ((error as { readonly kind?: string }).kind === undefined) throw error;
    return undefined;
  } finally {
    source.close();
  }
}

interface RawDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const LAWS: Readonly<Record<string, Law>> = {
  'what was put there is there after finish': async (place) => {
    await putWhole(place);
    const read = await readImage(place.read());
    expect(read?.config).toBe(IMAGE.config.bytes.toString());
    if (place.keepsManifests) {
      expect(read?.manifest.equals(IMAGE.manifest.bytes)).toBe(true);
      expect(read?.layers).toEqual(IMAGE.layers.map(({ bytes }) => bytes));
    } else {
      expect(read?.layers).toEqual(TARS.map((tar) => Buffer.from(tar)));
    }
  },
  'without finish nothing of the image is there': async (place) => {
    const target = await place.open();
    await put(target, IMAGE);
    await target.close();
    expect(await readImage(place.read())).toBeUndefined();
  },
  'a blob whose content breaks off is not taken for one': async (place) => {
    const target = await place.open();
    const [{ descriptor } = { descriptor: undefined }] = blobsOf(IMAGE);
    if (descriptor === undefined) throw new Error('no blob');
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('{');
      throw new Error('the source broke off');
    };
    await expect(target.putBlob(descriptor, broken, signal)).rejects.toThrow('the source broke off');
    expect(await target.hasBlob(descriptor, signal)).toBe(false);
    await target.close();
    expect(await readImage(place.read())).toBeUndefined();
  },
  'it knows the blobs that it has': async (place) => {
    const target = await place.open();
    const [blob] = blobsOf(IMAGE);
    if (blob === undefined) throw new Error('no blob');
    expect(await target.hasBlob(blob.descriptor, signal)).toBe(false);
    await target.putBlob(blob.descriptor, () => halves(blob.bytes), signal);
    expect(await target.hasBlob(blob.descriptor, signal)).toBe(true);
    await target.close();
  },
  'an image may be put there again, or is refused before anything is copied': async (place) => {
    if (place.isWrittenOnce === true) {
      await putWhole(place);
      await expect(place.open()).rejects.toMatchObject({ kind: 'already-exists' });
      return;
    }
    for (let turn = 0; turn < 2; turn++) await putWhole(place);
    expect((await readImage(place.read()))?.config).toBe(IMAGE.config.bytes.toString());
  },
  'it names itself, and may be closed twice': async (place) => {
    const target = await place.open();
    expect(target.name).not.toBe('');
    await target.close();
    await target.close();
  },
};

/** The laws that every {@link ImageTarget} keeps. */
export function targetContract(name: string, make: () => Promise<TargetUnderTest>): void {
  describe(`the contract of image targets: ${name}`, () => {
    test.each(Object.entries(LAWS))('%s', async (_law, holds) => {
      const place = await make();
      try {
        await holds(place);
      } finally {
        await place.dispose();
      }
    });
  });
}
