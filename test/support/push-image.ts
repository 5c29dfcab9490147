import { randomBytes } from 'node:crypto';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { type BuiltImage, buildImage } from '../../src/image/built-image.fixture.ts';
import { writeTar } from '../../src/image/embedded/tar-writer.ts';
import { OCI_LAYER } from '../../src/image/media-types.ts';
import { Registries } from '../../src/image/registry/registries.ts';
import type { RegistryReference } from '../../src/model/image-reference.ts';
import type { RegistryCredential } from '../../src/model/registry-credential.ts';

/** An image of layers with one file each, of so many bytes. */
export function imageOf(...sizes: readonly number[]): BuiltImage {
  return buildImage(
    sizes.map((bytes, index) => writeTar([{ path: `file${index}`, mode: 0o644, content: randomBytes(bytes) }])),
  );
}

interface PushOptions {
  readonly registries?: Registries;
  readonly credential?: RegistryCredential | undefined;
  /** Called before each chunk of a blob that is sent, and waited for. */
  readonly before?: (atByte: number) => Promise<void> | void;
}

/** Pushes an image that a test has built, by our own target. */
export async function pushImage(to: RegistryReference, image: BuiltImage, options: PushOptions = {}): Promise<void> {
  const { signal } = new AbortController();
  const { registries = new Registries(nodeEffects()), credential, before = () => {} } = options;
  const target = registries.target(to, { credential });
  try {
    for (const { digest, bytes } of [image.config, ...image.layers]) {
      const descriptor = { mediaType: OCI_LAYER, digest, sizeBytes: bytes.length };
      if (await target.hasBlob(descriptor, signal)) continue;
      await target.putBlob(descriptor, () => inChunks(bytes, before), signal);
    }
    await target.putManifest(image.manifest, 'root', signal);
    await target.finish(signal);
  } finally {
    await target.close();
  }
}

async function* inChunks(
  bytes: Buffer,
  before: NonNullable<PushOptions['before']>,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += 65_536) {
    await before(at);
    yield bytes.subarray(at, at + 65_536);
  }
}
