import { describe, expect, test } from 'vitest';
import type { Digest } from '../model/digest.ts';
import { EngineError } from '../model/error.ts';
import { readVerified } from './layer-stream.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { type Descriptor, parseManifest } from './manifest.ts';
import type { ImageSource } from './source.ts';

/** A source that points at an image of one layer; `dispose` takes away what it stands on. */
export interface SourceUnderTest {
  readonly source: ImageSource;
  dispose(): Promise<void>;
}

type Law = (source: ImageSource) => Promise<void>;

const NOBODY_HAS = `sha256:${'0'.repeat(64)}` as Digest;
const { signal } = new AbortController();

const read = (source: ImageSource, descriptor: Descriptor): Promise<Uint8Array> =>
  readVerified(source.blob(descriptor, signal), descriptor, { what: 'a blob', limitBytes: 1 << 20 });

async function manifestOf(source: ImageSource) {
  const { bytes, mediaType } = await source.root(signal);
  const document = parseManifest(bytes, { from: source.name, mediaType, limits: DEFAULT_LIMITS });
  if (document.shape === 'manifest') return document;
  const [entry] = document.entries;
  if (entry === undefined) throw new Error('the index of this test is empty');
  const inner = await source.manifest(entry, signal);
  const found = parseManifest(inner.bytes, { from: source.name, mediaType: inner.mediaType, limits: DEFAULT_LIMITS });
  if (found.shape !== 'manifest') throw new Error('the index of this test names an index');
  return found;
}

const LAWS: Readonly<Record<string, Law>> = {
  'its root leads to a config and layers that are what their digests say': async (source) => {
    const { config, layers } = await manifestOf(source);
    expect(layers).toHaveLength(1);
    for (const descriptor of [config, ...layers]) {
      expect(await read(source, descriptor)).toHaveLength(descriptor.sizeBytes);
    }
  },
  'a blob is read again from its beginning, two at a time if need be': async (source) => {
    const { layers } = await manifestOf(source);
    const [layer] = layers;
    if (layer === undefined) throw new Error('no layer');
    const [first, second] = await Promise.all([read(source, layer), read(source, layer)]);
    expect(second).toEqual(first);
    expect(await read(source, layer)).toEqual(first);
  },
  'a blob that was left in the middle holds nothing up': async (source) => {
    const { layers } = await manifestOf(source);
    const [layer] = layers;
    if (layer === undefined) throw new Error('no layer');
    for await (const chunk of source.blob(layer, signal)) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect(await read(source, layer)).toHaveLength(layer.sizeBytes);
  },
  'a blob is read from the byte that is asked for': async (source) => {
    const [layer] = (await manifestOf(source)).layers;
    if (layer === undefined) throw new Error('no layer');
    const whole = Buffer.from(await read(source, layer));
    for (const startByte of [0, 1, layer.sizeBytes - 1]) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of source.blob(layer, signal, startByte)) chunks.push(chunk);
      expect(Buffer.concat(chunks).equals(whole.subarray(startByte))).toBe(true);
    }
  },
  'a blob that nobody has never passes for one': async (source) => {
    const { config } = await manifestOf(source);
    const reading = read(source, { ...config, digest: NOBODY_HAS });
    const error = await reading.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(EngineError);
    expect(['data-loss', 'not-found']).toContain((error as EngineError).kind);
  },
  'it names itself, and may be closed twice': async (source) => {
    expect(source.name).not.toBe('');
    source.close();
    expect(() => source.close()).not.toThrow();
  },
};

/** The laws that every {@link ImageSource} keeps. */
export function sourceContract(name: string, make: () => Promise<SourceUnderTest>): void {
  describe(`the contract of image sources: ${name}`, () => {
    test.each(Object.entries(LAWS))('%s', async (_law, holds) => {
      const { source, dispose } = await make();
      try {
        await holds(source);
      } finally {
        source.close();
        await dispose();
      }
    });
  });
}
