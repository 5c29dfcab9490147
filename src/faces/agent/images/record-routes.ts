import { z } from 'zod';
import type { ImageDetails } from '../../../engine/written/image-record-facade.ts';
import { type Answer, type Call, defineRoute, json, type Route } from '../router.ts';
import { imageJson } from '../translate.ts';
import { historyAnswer, historyOf } from './history.ts';
import { imageAnswer, imageDetailsAnswer } from './image-answers.ts';
import { trustJson } from './trust-answer.ts';

const DEADLINE_MS = 60_000;

const tagSchema = z.strictObject({ reference: z.string().min(1).max(4096) });

/** What images are called, and what they tell of themselves. */
export function imageRecordRoutes(): readonly Route[] {
  return [
    defineRoute({
      ...{ method: 'GET', path: '/v1/images/:id', deadlineMs: DEADLINE_MS },
      needs: { role: 'read', of: 'nothing' },
      summary: 'An image, by a name or by its id, with its manifest and its config as they were pulled or made.',
      answer: { kind: 'json', schema: imageDetailsAnswer },
      handle: details,
    }),
    defineRoute({
      ...{ method: 'GET', path: '/v1/images/:id/history', deadlineMs: DEADLINE_MS },
      needs: { role: 'read', of: 'nothing' },
      summary: 'The steps that made an image, the last one first.',
      answer: { kind: 'json', schema: historyAnswer },
      handle: async ({ engine, params }) => json(historyOf(await engine.imageRecords.details(params.id ?? ''))),
    }),
    defineRoute({
      ...{ method: 'POST', path: '/v1/images/:id/tag', deadlineMs: DEADLINE_MS },
      needs: { role: 'operate', of: 'agent' },
      summary: 'Gives an image one more name; another image that had it loses it.',
      body: { schema: tagSchema, where: 'the name' },
      answer: { kind: 'json', schema: imageAnswer },
      handle: tag,
    }),
  ];
}

async function details({ engine, params }: Call): Promise<Answer> {
  const found: ImageDetails = await engine.imageRecords.details(params.id ?? '');
  return json({
    ...imageJson(found.image),
    layerBytes: found.image.layerBytes,
    manifest: found.manifest,
    document: found.config,
    trust: trustJson(found.image.trust),
  });
}

async function tag({ engine, params, body }: Call<z.output<typeof tagSchema>>): Promise<Answer> {
  return json(imageJson(await engine.imageRecords.tag(params.id ?? '', body.reference)));
}
