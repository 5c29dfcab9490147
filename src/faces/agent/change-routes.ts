import type { z } from 'zod';
import type { ResourceChanges } from '../../model/resource-changes.ts';
import { containerAnswer, emptyAnswer } from './answer-schemas.ts';
import { type Answer, type Call, defineRoute, json, type Route } from './router.ts';
import { updateSchema } from './schemas.ts';
import { containerJson } from './translate.ts';

/** Lowering a memory limit waits until the kernel has reclaimed what it can. */
const DEADLINE_MS = 60_000;

/** Changes to containers that run. */
export function changeRoutes(): readonly Route[] {
  return [
    defineRoute({
      ...{ method: 'POST', path: '/v1/containers/:id/update', deadlineMs: DEADLINE_MS },
      needs: { role: 'operate', of: 'container' },
      summary:
        'Changes bounds of a container that runs or is paused, all of them or none; `restart` is its policy from now on.',
      body: { schema: updateSchema, where: 'the update' },
      answer: { kind: 'json', schema: containerAnswer },
      handle: update,
    }),
    defineRoute({
      ...{ method: 'POST', path: '/v1/containers/:id/pause', deadlineMs: DEADLINE_MS },
      needs: { role: 'operate', of: 'container' },
      summary: 'Stops all processes of a container where they stand.',
      answer: { kind: 'json', schema: emptyAnswer },
      handle: pause,
    }),
    defineRoute({
      ...{ method: 'POST', path: '/v1/containers/:id/unpause', deadlineMs: DEADLINE_MS },
      needs: { role: 'operate', of: 'container' },
      summary: 'Lets them go on.',
      answer: { kind: 'json', schema: emptyAnswer },
      handle: unpause,
    }),
  ];
}

async function update({ engine, params, body, requestKey }: Call<z.output<typeof updateSchema>>): Promise<Answer> {
  const { resources = {}, devices, diskLimitBytes, restart } = body;
  const others = { ...devices, ...(diskLimitBytes !== undefined && { diskLimitBytes }), ...(restart && { restart }) };
  const changes = resources as ResourceChanges;
  return json(containerJson(await engine.update(params.id ?? '', changes, others, { requestKey })));
}

async function pause({ engine, params, begun }: Call): Promise<Answer> {
  if (begun !== undefined && (await engine.check(params.id ?? ''))?.state === 'paused') return json({}); // it is done
  await engine.pause(params.id ?? '');
  return json({});
}

async function unpause({ engine, params, begun }: Call): Promise<Answer> {
  if (begun !== undefined && (await engine.check(params.id ?? ''))?.state === 'running') return json({}); // it is done
  await engine.unpause(params.id ?? '');
  return json({});
}
