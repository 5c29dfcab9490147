import type { Image } from '../../model/image-config.ts';
import { parsePlatform } from '../../model/platform.ts';
import { emptyConfig, extendConfig } from '../build/config.ts';
import { changedConfig } from '../build/instructions.ts';
import { EMPTY_DIFF_ID, storeLayer } from '../build/layer.ts';
import { makeManifest } from '../build/manifest.ts';
import { decompressed } from '../compression/decompressed.ts';
import type { Images } from '../images.ts';
import type { SourcePorts } from './open-source.ts';

export interface ImportRequest {
  /** Its name; without one it is found by its id. */
  readonly reference?: string | undefined;
  /** Lines such as `CMD ["sh"]`, as commit takes them. */
  readonly changes: readonly string[];
  readonly message?: string | undefined;
  /** What it is for; default this machine. */
  readonly platform?: string | undefined;
}

/**
 * Makes a tar stream, compressed or not, the one layer of an image. The layer is compressed anew, as registries want it.
 *
 * @throws {EngineError} `image-instruction.*` (invalid-argument), before anything is read; what the archive throws
 */
export async function importImage(
  archive: AsyncIterable<Uint8Array>,
  request: ImportRequest,
  ports: SourcePorts & { readonly images: Images; readonly signal: AbortSignal },
): Promise<Image> {
  const { images, signal, limits } = ports;
  const { reference, changes, message: comment } = request;
  const platform = request.platform === undefined ? ports.platform : parsePlatform(request.platform);
  const runtime = changedConfig({}, changes);
  const lease = images.lease();
  try {
    const { descriptor, diffId } = await storeLayer(
      decompressed(archive, 'the archive', limits),
      { blobs: images.blobs, lease },
      signal,
    );
    const history = { created: new Date(ports.nowMs()).toISOString(), createdBy: 'isopod import', comment };
    const config = extendConfig(emptyConfig(platform), 'the import', { diffId, history, change: () => runtime });
    // A config does not list a layer that holds nothing, and neither may its manifest.
    const manifest = makeManifest(config, diffId === EMPTY_DIFF_ID ? [] : [descriptor]).bytes;
    const names = reference === undefined ? [] : [reference];
    return await images.adopt({ manifest, config }, names, { signal, origin: { kind: 'stream', transport: 'tar' } });
  } catch (error) {
    // What cannot be removed now is collected later, and no reason to hide why there is no image.
    await images.discard(lease).catch(() => {});
    throw error;
  } finally {
    lease.release();
  }
}
