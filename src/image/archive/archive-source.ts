import { formatImageReference, type ImageReference } from '../../model/image-reference.ts';
import type { ImageSource } from '../source.ts';
import type { ArchivePorts } from './archive-files.ts';
import { DockerArchive } from './docker-archive.ts';
import { madeSource } from './made-source.ts';

/** An image in what `docker save` writes. */
export function dockerArchiveSource(
  reference: Extract<ImageReference, { readonly kind: 'docker-archive' }>,
  ports: ArchivePorts,
): ImageSource {
  let opened: DockerArchive | undefined;
  return madeSource(
    formatImageReference(reference),
    async () => {
      opened = await DockerArchive.open(reference.path, ports);
      return opened.manifestOf(opened.find(reference.name));
    },
    () => opened?.close(),
  );
}
