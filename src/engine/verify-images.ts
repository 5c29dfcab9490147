import type { Digest } from '../model/digest.ts';
import type { ImageFault, ImageVerification, LayerImageFinding, VerifiedImage } from '../model/image-upkeep.ts';
import type { EngineHost } from './host.ts';
import { imagesInUse } from './volumes.ts';

/** Looks at images as the store has them, and then at what backends have made of their layers. @throws as the upkeep's `verify` */
export async function verifyImages(
  host: EngineHost,
  request: ImageVerification,
  signal: AbortSignal,
): Promise<readonly VerifiedImage[]> {
  const verified = await host.images.upkeep.verify(request, { inUse: () => imagesInUse(host), signal });
  const { repair } = request;
  // A layer that images share is looked at once.
  const findings = new Map<Digest, Promise<LayerImageFinding | undefined>>();
  const findingOf = (chainId: Digest): Promise<LayerImageFinding | undefined> => {
    const finding = findings.get(chainId) ?? host.provisioner.verifyLayer(chainId, { repair, signal });
    findings.set(chainId, finding);
    return finding;
  };
  const all: VerifiedImage[] = [];
  for (const image of verified) {
    const chainIds = (await host.images.find(image.id))?.chainIds ?? [];
    all.push(await withLayerImages(image, chainIds, { findingOf, repair, isUsed: imagesInUse(host).has(image.id) }));
  }
  return all;
}

async function withLayerImages(
  image: VerifiedImage,
  chainIds: readonly Digest[],
  how: {
    readonly findingOf: (chainId: Digest) => Promise<LayerImageFinding | undefined>;
    readonly repair: boolean;
    readonly isUsed: boolean;
  },
): Promise<VerifiedImage> {
  // What was made of a tree cannot be held against one that has changed since, or may have.
  const trees = new Set(
    image.faults.flatMap(({ part, isRepaired, digest, uncheckedTree }) =>
      part === 'tree' && !isRepaired ? [digest] : [uncheckedTree],
    ),
  );
  const faults = [...image.faults];
  let [made, sealed, unchecked] = [0, 0, 0];
  for (const chainId of chainIds) {
    const finding = trees.has(chainId) ? undefined : await how.findingOf(chainId);
    if (finding === undefined) continue;
    made++;
    if (finding.isUnchecked) unchecked++;
    else if (finding.fault !== undefined) faults.push(layerImageFault(chainId, finding.fault, image, how));
    if (finding.isSealed) sealed++;
  }
  return made === 0 ? image : { ...image, faults, layerImages: { made, sealed, unchecked } };
}

function layerImageFault(
  digest: Digest,
  fault: Pick<ImageFault, 'state' | 'found'>,
  { id, references }: VerifiedImage,
  { repair, isUsed }: { readonly repair: boolean; readonly isUsed: boolean },
): ImageFault {
  const whole = { part: 'layer-image' as const, digest, ...fault };
  if (!repair) {
    return { ...whole, isRepaired: false, remedy: `isopod image verify --repair ${references[0] ?? id}` };
  }
  if (!isUsed) return { ...whole, isRepaired: true };
  return {
    ...whole,
    isRepaired: false,
    remedy: 'start the containers that use it again: it is taken away, and they have it until they end',
  };
}
