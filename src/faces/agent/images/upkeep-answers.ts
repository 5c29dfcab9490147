import { z } from 'zod';

const texts = z.array(z.string());
const bytes = z.number().int();

export const prunedImagesAnswer = z.object({
  untagged: texts,
  deleted: texts,
  partials: texts.describe('digests of layers of which what had come in part is gone'),
  leftovers: texts.describe('unpacked layers, by chain id, and blobs, by digest, that no image had'),
  reclaimedBytes: bytes.describe('of unpacked layers, blobs and partial downloads together'),
  heldBytes: bytes.describe(
    'what would have gone, too, and is still here, because a pull, a load or a commit that is under way counts on it',
  ),
});

const kindOnDisk = z.object({
  total: z.number().int(),
  active: z.number().int().describe('those that run, or that a container has'),
  sizeBytes: bytes,
  reclaimableBytes: bytes.describe('what would go with the others'),
});

const imageShare = z.object({
  ...{ id: z.string(), references: texts, inUse: z.boolean() },
  sizeBytes: bytes.describe('unpacked layers and blobs, shared or not'),
  uniqueBytes: bytes.describe('of these, what no other image has'),
  lastUsedAtMs: z.number().int().nullable().describe('milliseconds since 1970, to within an hour'),
});

export const diskUseAnswer = z.object({
  images: z.object({
    images: z.array(imageShare),
    layers: z
      .array(z.object({ chainId: z.string(), images: texts.describe('ids'), sizeBytes: bytes }))
      .describe('unpacked trees, each once'),
    ...{ unpackedBytes: bytes, blobBytes: bytes },
    partialBytes: bytes.describe('layers that have come in part, to go on with'),
    reclaimableBytes: bytes,
  }),
  containers: kindOnDisk.extend({
    containers: z.array(
      z.object({
        ...{ uid: z.string(), name: z.string(), image: z.string().optional(), state: z.string(), volumes: texts },
        sizeBytes: bytes.describe('what it has written, its logs and its records; its image and its volumes not'),
      }),
    ),
  }),
  volumes: kindOnDisk.extend({
    volumes: z.array(z.object({ name: z.string(), users: texts.describe('uids of containers'), sizeBytes: bytes })),
  }),
});
