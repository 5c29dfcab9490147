import { z } from 'zod';
import { removedImageAnswer } from '../answer-schemas.ts';
import { type Call, defineRoute, json, type Route } from '../router.ts';
import { pruneImages } from './prune-images.ts';

const DEADLINE_MS = 10 * 60_000;
const MAX_EXCLUDED = 1000;

const pruneSchema = z.strictObject({
  all: z.boolean().optional(),
  exclude: z.array(z.string().min(1).max(4096)).max(MAX_EXCLUDED).optional(),
});

export function pruneImagesRoute(): Route {
  return defineRoute({
    ...{ method: 'POST', path: '/v1/images/prune', deadlineMs: DEADLINE_MS },
    needs: { role: 'operate', of: 'agent' },
    summary: 'Takes away the images that no container uses and that have no name, with `all` the named ones too.',
    body: { schema: pruneSchema, where: 'prune' },
    answer: { kind: 'json', schema: removedImageAnswer },
    handle: async ({ engine, body }: Call<z.output<typeof pruneSchema>>) =>
      json(await pruneImages(engine, { all: body.all === true, excluded: body.exclude ?? [] })),
  });
}
