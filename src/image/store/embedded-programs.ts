import type { Files } from '../../base/effects.ts';
import type { Digest } from '../../model/digest.ts';
import { systemErrorCode } from '../../model/error.ts';
import type { Image } from '../../model/image-config.ts';
import type { ImageReference } from '../../model/image-reference.ts';
import { formatPlatform, type Platform, parsePlatform } from '../../model/platform.ts';
import { embeddedSource } from '../embedded/embedded-source.ts';
import { resolveErrors } from '../resolve.ts';
import type { ImageSource } from '../source.ts';
import { imageStoreErrors } from './store-errors.ts';

interface ProgramStore {
  readonly present: (reference: ImageReference) => Promise<Image | undefined>;
  readonly store: (reference: ImageReference, source: ImageSource) => Promise<Image>;
}

/** Programs that are images of their own, put together in the store when they are first asked for. */
export class EmbeddedPrograms {
  readonly #paths: Readonly<Record<string, string>>;
  readonly #files: Files;
  readonly #platform: Platform;
  readonly #into: ProgramStore;
  /** Which version of a program its image was made from, in this process. */
  readonly #known = new Map<string, { readonly version: string; readonly id: Digest }>();

  constructor(
    paths: Readonly<Record<string, string>>,
    from: { readonly files: Files; readonly platform: Platform },
    into: ProgramStore,
  ) {
    this.#paths = paths;
    this.#files = from.files;
    this.#platform = from.platform;
    this.#into = into;
  }

  has(name: string): boolean {
    return this.#paths[name] !== undefined;
  }

  async image(name: string): Promise<Image | undefined> {
    const path = this.#paths[name];
    if (path === undefined) return undefined;
    const reference: ImageReference = { kind: 'embedded', name };
    try {
      // Every launch asks: an unchanged program is neither read nor hashed again.
      const { inode, sizeBytes, mtimeMs } = await this.#files.status(path);
      const version = `${inode} ${sizeBytes} ${mtimeMs}`;
      const present = await this.#into.present(reference);
      const known = this.#known.get(name);
      if (present !== undefined && known?.version === version && known.id === present.id) return present;
      const source = embeddedSource(name, await this.#files.readBytes(path), this.#platform);
      const image = await this.#into.store(reference, source);
      this.#known.set(name, { version, id: image.id });
      return image;
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') throw imageStoreErrors.programMissing({ name, path }, error);
      throw error;
    }
  }

  /** @throws {EngineError} `image.noPlatform`, `images.unknownEmbedded` */
  async pull(name: string, platform: string | undefined): Promise<Image> {
    const own = formatPlatform(this.#platform);
    if (platform !== undefined && formatPlatform(parsePlatform(platform)) !== own) {
      throw resolveErrors.noPlatform({ from: `embedded:${name}`, wanted: platform, offered: [own] });
    }
    const image = await this.image(name);
    if (image === undefined) throw imageStoreErrors.unknownEmbedded({ name });
    return image;
  }
}
