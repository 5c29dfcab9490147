import type { z } from 'zod';
import { containerAnswer, giveUpAnswer, launchAnswer, planAnswer, runAnswer } from './answer-schemas.ts';
import { agentErrors } from './errors.ts';
import { PendingLaunches } from './pending-launches.ts';
import { type Answer, type Call, defineRoute, json, type Route } from './router.ts';
import { containerSchema, launchQuerySchema, launchSchema } from './schemas.ts';
import { configOf, containerJson, explanationOf, secretsOf, terminationJson } from './translate.ts';

/** A launch may pull its image first, so it has longer than anything else. */
const LAUNCH_DEADLINE_MS = 30 * 60_000;
const CALL_DEADLINE_MS = 10_000;

const NEW = {
  needs: { role: 'operate', of: 'new container' },
  body: { schema: launchSchema, where: 'the container' },
} as const;
type LaunchBody = z.output<typeof launchSchema>;

/** New containers. */
export function launchRoutes(): readonly Route[] {
  const pending = new PendingLaunches();
  return [
    defineRoute({
      ...{ method: 'POST', path: '/v1/containers', deadlineMs: LAUNCH_DEADLINE_MS, status: 201, isUnwritten: true },
      ...NEW,
      summary: 'Makes and starts a container; its image is pulled first, as the pull policy says.',
      notes:
        'With `owned` the answer has a ticket for its streams, and its output waits for who presents it; with `endsWithOwner` it is killed when that one leaves. ' +
        'With `parent` and `debug` it looks into its parent, by tools of its own (docs/debug-containers.md). ' +
        '`credential` is shown to the registry of its image (else of the first image that its volumes or `fetch` name), for all that is pulled from there, and kept nowhere. ' +
        'With `pulledByCaller` an image that is not here is refused (`engine.imageMissing`), whatever the pull policy that is kept. ' +
        '`launch` is a name that nobody else knows, by which the launch can be given up while it lasts.',
      query: launchQuerySchema,
      answer: { kind: 'json', schema: launchAnswer },
      handle: (call) => launch(call, pending),
    }),
    defineRoute({
      ...{ method: 'DELETE', path: '/v1/launches/:name', deadlineMs: CALL_DEADLINE_MS, isUnwritten: true },
      needs: { role: 'operate', of: 'nothing' },
      summary: 'Gives up a launch that is under way: it fails (`engine.launchCancelled`), and nothing is left of it.',
      notes: '`isGivenUp` is false where no launch of this name is under way (any more).',
      answer: { kind: 'json', schema: giveUpAnswer },
      handle: async ({ params }) => json({ isGivenUp: pending.giveUp(params.name ?? '') }),
    }),
    defineRoute({
      ...{ method: 'POST', path: '/v1/runs', deadlineMs: 'none', isUnwritten: true },
      ...NEW,
      summary: 'Launches a container and waits for its end, in one answer.',
      notes: 'A client that leaves earlier leaves the container to itself. `owned` is refused.',
      answer: { kind: 'json', schema: runAnswer },
      handle: run,
    }),
    defineRoute({
      ...{ method: 'PUT', path: '/v1/containers/:id', deadlineMs: LAUNCH_DEADLINE_MS, isUnwritten: true },
      ...NEW,
      summary: 'Launches a container of this name, unless one with this config is there already.',
      answer: { kind: 'json', schema: containerAnswer },
      handle: create,
    }),
    defineRoute({
      ...{ method: 'POST', path: '/v1/explain', deadlineMs: LAUNCH_DEADLINE_MS, isUnwritten: true },
      ...{ needs: NEW.needs, body: { schema: containerSchema, where: 'the container' } },
      summary: 'The plan that would be launched; nothing runs, and nothing is left.',
      answer: { kind: 'json', schema: planAnswer },
      handle: explain,
    }),
  ];
}

async function launch(
  { engine, body: request, query, requestKey }: Call<LaunchBody, z.output<typeof launchQuerySchema>>,
  pending: PendingLaunches,
): Promise<Answer> {
  const how = { isPulledByCaller: query.pulledByCaller === true, requestKey, credential: request.credential };
  const { status, stream, timings, warnings } = await pending.during(query.launch, (until) =>
    engine.launch(configOf(request), secretsOf(request), { ...how, ...until }),
  );
  return json({ status: containerJson(status), stream: stream ?? null, timings, warnings }, 201);
}

/** Launch and end in one answer; a client that leaves earlier leaves the container to itself. */
async function run({ engine, body: request, signal, requestKey }: Call<LaunchBody>): Promise<Answer> {
  const config = configOf(request);
  if (config.owned) throw agentErrors.badField({ field: 'owned', reason: 'the answer comes too late for an owner' });
  const { status, timings, warnings } = await engine.launch(config, secretsOf(request), {
    requestKey,
    credential: request.credential,
  });
  const termination = await engine.wait(status.uid, signal);
  return json({
    uid: status.uid,
    name: status.config.name,
    timings,
    warnings,
    termination: terminationJson(termination),
  });
}

async function create({ engine, params, body: request }: Call<LaunchBody>): Promise<Answer> {
  const config = configOf({ ...request, name: params.id ?? '' });
  return json(containerJson(await engine.create(config, secretsOf(request), { credential: request.credential })));
}

async function explain({ engine, body }: Call<z.output<typeof containerSchema>>): Promise<Answer> {
  return json(explanationOf(await engine.explain(configOf(body))));
}
