import { type Answer, type Call, json, type Route } from './router.ts';
import { parseBody } from './schemas.ts';
import { volumeCreateSchema, volumePruneSchema } from './volume-schemas.ts';

const DEADLINE_MS = 60_000;
/** Trees of millions of files take their time. */
const REMOVE_DEADLINE_MS = 10 * 60_000;

/** Volumes apart from containers. */
export function volumeRoutes(): readonly Route[] {
  return [
    { method: 'GET', path: '/v1/volumes', deadlineMs: DEADLINE_MS, handle: list },
    { method: 'POST', path: '/v1/volumes', deadlineMs: DEADLINE_MS, handle: create },
    { method: 'GET', path: '/v1/volumes/:name', deadlineMs: DEADLINE_MS, handle: inspect },
    { method: 'DELETE', path: '/v1/volumes/:name', deadlineMs: REMOVE_DEADLINE_MS, handle: remove },
    { method: 'POST', path: '/v1/volumes/prune', deadlineMs: REMOVE_DEADLINE_MS, handle: prune },
  ];
}

async function list({ engine }: Call): Promise<Answer> {
  return json(await engine.volumes.list());
}

async function create({ engine, body }: Call): Promise<Answer> {
  return json(await engine.volumes.create(parseBody(volumeCreateSchema, body, 'the volume')), 201);
}

async function inspect({ engine, params }: Call): Promise<Answer> {
  return json(await engine.volumes.get(params.name ?? ''));
}

async function remove({ engine, params }: Call): Promise<Answer> {
  await engine.volumes.remove(params.name ?? '');
  return json({});
}

async function prune({ engine, body }: Call): Promise<Answer> {
  const { all = false, labels = [] } = parseBody(volumePruneSchema, body, 'prune');
  return json({ removed: await engine.volumes.prune({ all, labels }) });
}
