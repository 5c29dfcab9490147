import { z } from 'zod';
import { type Call, defineRoute, json, type Route } from '../router.ts';

const MAX_IMAGES = 1000;

const verifySchema = z.strictObject({
  images: z.array(z.string().min(1).max(4096)).max(MAX_IMAGES).optional(),
  repair: z.boolean().optional(),
});

const fault = z.object({
  part: z.enum(['manifest', 'config', 'layer', 'tree', 'layer-image']),
  digest: z.string().describe('of the blob; of a tree, and of an image of one, the chain id of its layer'),
  state: z.enum(['missing', 'damaged', 'changed']),
  found: z.string(),
  isRepaired: z.boolean(),
  uncheckedTree: z
    .string()
    .optional()
    .describe('chain id of the layer, whose tree is here and could not be looked at for want of the blob'),
  remedy: z.string().optional().describe('what is left to do'),
});

const verifyAnswer = z.object({
  images: z.array(
    z.object({
      ...{ id: z.string(), references: z.array(z.string()), faults: z.array(fault) },
      uncheckedLayers: z.number().int().describe('layers that an older version kept unpacked only'),
      layerImages: z
        .object({
          made: z.number().int(),
          sealed: z.number().int().describe('by fs-verity, as when they were made'),
          unchecked: z.number().int().describe('this kernel mounts none'),
        })
        .optional()
        .describe('what the backend erofs has made of its layers'),
    }),
  ),
});

/** Ends with its client. */
export function verifyImagesRoute(): Route {
  return defineRoute({
    ...{ method: 'POST', path: '/v1/images/verify', deadlineMs: 'none' },
    needs: { role: 'operate', of: 'agent' },
    summary:
      'Hashes the blobs of images, all unless some are named, and compares their trees with what the blobs unpack to, and images of layers with the trees; with `repair` it mends what it can.',
    body: { schema: verifySchema, where: 'verify' },
    answer: { kind: 'json', schema: verifyAnswer },
    handle: async ({ engine, body, signal }: Call<z.output<typeof verifySchema>>) => {
      const { images = [], repair = false } = body;
      return json({ images: await engine.upkeep.verifyImages({ images, repair }, signal) });
    },
  });
}
