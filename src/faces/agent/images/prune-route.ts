import { z } from 'zod';
import type { ImagePrunePolicy } from '../../../model/image-upkeep.ts';
import { type Call, defineRoute, json, type Route } from '../router.ts';
import { prunedImagesAnswer } from './upkeep-answers.ts';

const DEADLINE_MS = 10 * 60_000;
const MAX_TEXTS = 1000;

const texts = z.array(z.string().min(1).max(4096)).max(MAX_TEXTS);
const timeMs = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

const pruneSchema = z.strictObject({
  all: z.boolean().optional(),
  exclude: texts.optional(),
  unusedForMs: timeMs.optional(),
  createdBeforeMs: timeMs.optional(),
  labels: texts.optional(),
  withoutLabels: texts.optional(),
  keepNewest: z.number().int().min(1).max(1_000_000).optional(),
  lowWaterPercent: z.number().min(0).max(100).optional(),
  dryRun: z.boolean().optional(),
});

export function pruneImagesRoute(): Route {
  return defineRoute({
    ...{ method: 'POST', path: '/v1/images/prune', deadlineMs: DEADLINE_MS },
    needs: { role: 'operate', of: 'agent' },
    summary:
      'Takes away the images that no container uses and that have no name, with `all` the named ones too, as far as the other fields allow; with `dryRun` it only tells what would go now.',
    body: { schema: pruneSchema, where: 'prune' },
    answer: { kind: 'json', schema: prunedImagesAnswer },
    handle: async ({ engine, body }: Call<z.output<typeof pruneSchema>>) =>
      json(await engine.upkeep.pruneImages(policyOf(body))),
  });
}

function policyOf(body: z.output<typeof pruneSchema>): ImagePrunePolicy {
  const { all = false, exclude = [], labels = [], withoutLabels = [], dryRun = false } = body;
  const { unusedForMs, createdBeforeMs, keepNewest, lowWaterPercent } = body;
  return {
    ...{ all, excluded: exclude, labels, withoutLabels, dryRun },
    ...(unusedForMs !== undefined && { unusedForMs }),
    ...(createdBeforeMs !== undefined && { createdBeforeMs }),
    ...(keepNewest !== undefined && { keepNewest }),
    ...(lowWaterPercent !== undefined && { lowWaterPercent }),
  };
}
