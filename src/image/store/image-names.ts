import type { Digest } from '../../model/digest.ts';
import type { Image } from '../../model/image-config.ts';
import { type ImageReference, parseImageReference } from '../../model/image-reference.ts';
import { type ImageIndex, storedName } from '../image-index.ts';
import type { RemoveOptions } from '../images.ts';
import type { Leases } from '../leases.ts';
import { asStoreError, imageStoreErrors } from './store-errors.ts';

/** An image that was found by what somebody wrote. */
type Found =
  | { readonly image: Image; readonly by: 'id' }
  | { readonly image: Image; readonly by: 'reference'; readonly reference: ImageReference };

interface NamePorts {
  /** Where the store is, for errors. */
  readonly root: string;
  readonly index: () => Promise<ImageIndex>;
  readonly leases: Leases;
  /** Names of programs that are images of their own. */
  readonly isEmbedded: (name: string) => boolean;
  /** Takes away what nothing names; called alone. @returns what removes the trees, to be called outside */
  readonly collect: (index: ImageIndex) => Promise<() => Promise<void>>;
}

/** Names of images: who has which, who gets one more, who loses one and what goes with the last. */
export class ImageNames {
  readonly #ports: NamePorts;

  constructor(ports: NamePorts) {
    this.#ports = ports;
  }

  /** `run hello` takes a name that no registry image has for a part of Isopod; so does whoever removes or tags it. */
  async find(text: string): Promise<Found | undefined> {
    const index = await this.#ports.index();
    const found = index.find(text);
    if (found?.by === 'id') return { image: found.image, by: 'id' };
    if (found !== undefined) return { image: found.image, by: 'reference', reference: parseImageReference(text) };
    if (!this.#ports.isEmbedded(text)) return undefined;
    const reference: ImageReference = { kind: 'embedded', name: text };
    const image = index.byReference(reference);
    return image === undefined ? undefined : { image, by: 'reference', reference };
  }

  async tag(text: string, name: string): Promise<Image> {
    const reference = nameableReference(name);
    const { image, clear } = await this.#alone(text, async () => {
      const index = await this.#ports.index();
      const found = await this.find(text);
      if (found === undefined) throw imageStoreErrors.unknown({ text });
      const { image: named, hasFreed } = await index.name(found.image, reference);
      return { image: named, clear: hasFreed ? await this.#ports.collect(index) : undefined };
    });
    await clear?.();
    return image;
  }

  async remove(
    text: string,
    inUse: () => ReadonlySet<Digest>,
    { severalNames = 'remove', used = 'refuse' }: RemoveOptions = {},
  ): Promise<{ readonly untagged: readonly string[]; readonly deleted: readonly Digest[] }> {
    const { removed, clear } = await this.#alone(text, async () => {
      const index = await this.#ports.index();
      const found = await this.find(text);
      if (found === undefined) throw imageStoreErrors.unknown({ text });
      const { id, references } = found.image;
      const untagged = found.by === 'id' ? references : [storedName(found.reference)];
      if (found.by === 'id' && severalNames === 'refuse' && new Set(references.map(repositoryOf)).size > 1) {
        throw imageStoreErrors.severalNames({ text, names: references });
      }
      const isWhole = untagged.length === references.length;
      const isKept = isWhole && inUse().has(id);
      if (isKept && (used === 'refuse' || untagged.length === 0))
        throw imageStoreErrors.inUse({ text, id, names: references.length });
      const deleted = isWhole && !isKept ? [id] : [];
      const hasContent = await index.drop(untagged, deleted);
      const rest = hasContent ? await this.#ports.collect(index) : async () => {};
      return { removed: { untagged, deleted }, clear: rest };
    });
    await clear();
    await (await this.#ports.index()).keepReserve();
    return removed;
  }

  /** Runs what changes the list of images; what the kernel refuses of it is told as what it is: a full disk. */
  async #alone<Result>(what: string, change: () => Promise<Result>): Promise<Result> {
    try {
      return await this.#ports.leases.exclusive(change);
    } catch (error) {
      throw asStoreError(error, { what, root: this.#ports.root });
    }
  }
}

/** A name without tag and digest. */
function repositoryOf(name: string): string {
  const reference = parseImageReference(name);
  return reference.kind === 'registry' ? `${reference.registry}/${reference.repository}` : name;
}

/**
 * A name that an image may be given, as Docker has it: no digest, for that says what the image is.
 *
 * @throws {EngineError} `images.notATag`, `image-reference.malformed` (invalid-argument)
 */
export function nameableReference(text: string): ImageReference {
  const reference = parseImageReference(text);
  if (reference.kind !== 'registry') {
    throw imageStoreErrors.notATag({ text, reason: 'it says where an image is, not how it is called' });
  }
  if (reference.digest !== undefined) throw imageStoreErrors.notATag({ text, reason: 'it holds a digest' });
  return reference;
}
