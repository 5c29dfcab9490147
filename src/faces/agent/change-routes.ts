import type { ResourceChanges } from '../../model/resource-changes.ts';
import { type Answer, type Call, json, type Route } from './router.ts';
import { parseBody, updateSchema } from './schemas.ts';
import { containerJson } from './translate.ts';

/** Lowering a memory limit waits until the kernel has reclaimed what it can. */
const DEADLINE_MS = 60_000;

/** Changes to containers that run. */
export function changeRoutes(): readonly Route[] {
  return [
    { method: 'POST', path: '/v1/containers/:id/update', deadlineMs: DEADLINE_MS, handle: update },
    { method: 'POST', path: '/v1/containers/:id/pause', deadlineMs: DEADLINE_MS, handle: pause },
    { method: 'POST', path: '/v1/containers/:id/unpause', deadlineMs: DEADLINE_MS, handle: unpause },
  ];
}

async function update({ engine, params, body }: Call): Promise<Answer> {
  const { resources } = parseBody(updateSchema, body, 'the update');
  return json(containerJson(await engine.update(params.id ?? '', resources as ResourceChanges)));
}

async function pause({ engine, params }: Call): Promise<Answer> {
  await engine.pause(params.id ?? '');
  return json({});
}

async function unpause({ engine, params }: Call): Promise<Answer> {
  await engine.unpause(params.id ?? '');
  return json({});
}
