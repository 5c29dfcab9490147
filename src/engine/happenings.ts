import type { Images } from '../image/images.ts';
import { wrappedImages } from '../image/wrapped-images.ts';
import type { Image } from '../model/image-config.ts';
import type { Volumes } from '../volume/volumes.ts';
import type { Container } from './container.ts';
import type { EventContainer, ImageHappening } from './event.ts';
import type { Events } from './events.ts';
import { withInherited } from './image-labels.ts';

/** What events tell of a container. */
export function aboutContainer({
  uid,
  config,
  path,
  imageLabels,
}: Container): EventContainer & { readonly subject: 'container' } {
  const { labels, rootfs } = withInherited(config, imageLabels);
  const inheritedLabels = Object.keys(imageLabels);
  return {
    subject: 'container',
    uid,
    name: path,
    labels,
    ...(inheritedLabels.length > 0 && { inheritedLabels }),
    ...(rootfs.kind === 'image' ? { image: rootfs.reference } : {}),
  };
}

interface Told {
  readonly events: Pick<Events, 'emit'>;
  readonly nowMs: () => number;
}

/** Tells of what was done with an image that is here. */
export function tellImage(
  { events, nowMs }: Told,
  kind: ImageHappening['kind'],
  { name, image }: { readonly name: string; readonly image: Pick<Image, 'id' | 'manifestDigest'> },
): void {
  const { id: imageId, manifestDigest: digest } = image;
  events.emit({ subject: 'image', kind, atMs: nowMs(), image: name, imageId, digest });
}

/** Images whose changes are told, whoever makes them. */
export function toldImages(images: Images, { events, nowMs }: Told): Images {
  return wrappedImages(images, {
    pull: async (reference, options) => {
      const image = await images.pull(reference, options);
      tellImage({ events, nowMs }, 'pulled', { name: reference, image });
      return image;
    },
    tag: async (text, reference) => {
      const image = await images.tag(text, reference);
      tellImage({ events, nowMs }, 'tagged', { name: reference, image });
      return image;
    },
    remove: async (text, inUse, options) => {
      const removed = await images.remove(text, inUse, options);
      for (const image of removed.untagged) events.emit({ subject: 'image', kind: 'untagged', atMs: nowMs(), image });
      for (const imageId of removed.deleted) {
        events.emit({ subject: 'image', kind: 'removed', atMs: nowMs(), image: text, imageId });
      }
      return removed;
    },
  });
}

/** From now on the coming and going of volumes is told, whoever causes it. */
export function tellVolumes(volumes: Volumes, { events, nowMs }: Told): void {
  volumes.onChange((kind, volume) => events.emit({ subject: 'volume', kind, atMs: nowMs(), volume }));
}
