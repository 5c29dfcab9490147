import type { z } from 'zod';
import { emptyAnswer, prunedAnswer, volumeAnswer, volumesAnswer } from './answer-schemas.ts';
import { type Answer, type Call, defineRoute, json, type Route } from './router.ts';
import { volumeCreateSchema, volumePruneSchema } from './volume-schemas.ts';

const DEADLINE_MS = 60_000;
/** Trees of millions of files take their time. */
const REMOVE_DEADLINE_MS = 10 * 60_000;

/** Volumes apart from containers. */
export function volumeRoutes(): readonly Route[] {
  return [
    defineRoute({
      ...{ method: 'GET', path: '/v1/volumes', deadlineMs: DEADLINE_MS },
      needs: { role: 'read', of: 'volumes' },
      summary: 'All volumes, with the containers that have them.',
      answer: { kind: 'json', schema: volumesAnswer },
      handle: list,
    }),
    defineRoute({
      ...{ method: 'POST', path: '/v1/volumes', deadlineMs: DEADLINE_MS, status: 201 },
      needs: { role: 'operate', of: 'new volume' },
      summary: 'Makes a volume; one that is there already and does not differ is given back.',
      body: { schema: volumeCreateSchema, where: 'the volume' },
      answer: { kind: 'json', schema: volumeAnswer },
      handle: create,
    }),
    defineRoute({
      ...{ method: 'GET', path: '/v1/volumes/:name', deadlineMs: DEADLINE_MS },
      needs: { role: 'read', of: 'volume' },
      summary: 'One volume.',
      answer: { kind: 'json', schema: volumeAnswer },
      handle: inspect,
    }),
    defineRoute({
      ...{ method: 'DELETE', path: '/v1/volumes/:name', deadlineMs: REMOVE_DEADLINE_MS },
      needs: { role: 'operate', of: 'volume' },
      summary: 'Removes a volume that no container has.',
      answer: { kind: 'json', schema: emptyAnswer },
      handle: remove,
    }),
    defineRoute({
      ...{ method: 'POST', path: '/v1/volumes/prune', deadlineMs: REMOVE_DEADLINE_MS },
      needs: { role: 'operate', of: 'volumes' },
      summary: 'Removes the volumes that no container has.',
      body: { schema: volumePruneSchema, where: 'prune' },
      answer: { kind: 'json', schema: prunedAnswer },
      handle: prune,
    }),
  ];
}

async function list({ engine }: Call): Promise<Answer> {
  return json(await engine.volumes.list());
}

async function create({ engine, body }: Call<z.output<typeof volumeCreateSchema>>): Promise<Answer> {
  return json(await engine.volumes.create(body), 201);
}

async function inspect({ engine, params }: Call): Promise<Answer> {
  return json(await engine.volumes.get(params.name ?? ''));
}

async function remove({ engine, params }: Call): Promise<Answer> {
  await engine.volumes.remove(params.name ?? '');
  return json({});
}

async function prune({ engine, body }: Call<z.output<typeof volumePruneSchema>>): Promise<Answer> {
  const { all = false, labels = [], withoutLabels } = body;
  return json({ removed: await engine.volumes.prune({ all, labels, withoutLabels }) });
}
