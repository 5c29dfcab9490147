import type { z } from 'zod';
import type { Clock } from '../../base/effects.ts';
import type { Started } from '../../engine/life-facade.ts';
import { startAnswer, waitForAnswer } from './answer-schemas.ts';
import { type Answer, type Call, defineRoute, json, type Route } from './router.ts';
import { startSchema, stopSchema, waitForQuerySchema } from './schemas.ts';
import { containerJson } from './translate.ts';
import { withTimeout } from './with-timeout.ts';

const DEFAULT_WAIT_MS = 30_000;
const IS_MET = 'met';

/** Lives of containers after the first, and waiting for how one goes. */
export function lifeRoutes({ clock }: { readonly clock: Clock }): readonly Route[] {
  return [
    defineRoute({
      ...{ method: 'POST', path: '/v1/containers/:id/start', deadlineMs: 'none' },
      needs: { role: 'operate', of: 'container' },
      summary:
        'Starts a container that has ended: the same uid, config, files and volumes. One that runs is left as it is.',
      notes:
        'With `owned` the answer has a ticket for its streams, unless it runs already, and its output waits for who presents it.',
      body: { schema: startSchema, where: 'start' },
      answer: { kind: 'json', schema: startAnswer },
      handle: start,
    }),
    defineRoute({
      ...{ method: 'POST', path: '/v1/containers/:id/restart', deadlineMs: 'none' },
      needs: { role: 'operate', of: 'container' },
      summary: 'Stops a container as `stop` does, unless it has ended, and starts it again.',
      body: { schema: stopSchema, where: 'restart' },
      answer: { kind: 'json', schema: startAnswer },
      handle: restart,
    }),
    defineRoute({
      ...{ method: 'GET', path: '/v1/containers/:id/wait-for', deadlineMs: 'none' },
      needs: { role: 'read', of: 'container' },
      summary:
        'Waits until a container is running, ready (unless said otherwise) or healthy; `isMet` is false when `timeoutMs` (30000 unless said) is over first.',
      notes:
        'Refused when it never will be: it has ended and nothing starts it again, or nothing is checked of its health.',
      query: waitForQuerySchema,
      answer: { kind: 'json', schema: waitForAnswer },
      handle: (call) => waitFor(call, clock),
    }),
  ];
}

async function start(call: Call<z.output<typeof startSchema>>): Promise<Answer> {
  const { engine, params, requestKey, body } = call;
  return answer(await engine.lives.start(params.id ?? '', { owned: body.owned ?? false, requestKey }));
}

async function restart(call: Call<z.output<typeof stopSchema>>): Promise<Answer> {
  const { engine, params, requestKey, body } = call;
  return answer(await engine.lives.restart(params.id ?? '', body.graceMs, { requestKey }));
}

function answer({ status, stream }: Started): Answer {
  return json({ status: containerJson(status), stream: stream ?? null });
}

/** A long poll. */
async function waitFor(
  { engine, params, query, signal }: Call<unknown, z.output<typeof waitForQuerySchema>>,
  clock: Clock,
): Promise<Answer> {
  const { condition = 'ready', timeoutMs = DEFAULT_WAIT_MS } = query;
  const wait = (until: AbortSignal) => engine.lives.waitFor(params.id ?? '', condition, until).then(() => IS_MET);
  return json({ isMet: (await withTimeout(wait, { clock, signal, timeoutMs })) === IS_MET });
}
