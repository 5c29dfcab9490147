import { z } from 'zod';
import type { ContainerStatus, Engine } from '../../../engine/facade.ts';
import { answer, type CallAnswer, type CallContext, type CallKind, call, OK } from './call-kind.ts';
import {
  type ContainerId,
  getContainersSchema,
  idSchema,
  killSchema,
  type LaunchCall,
  launchSchema,
  nothingSchema,
} from './call-schemas.ts';
import { DIAGNOSTIC_CALLS } from './diagnostic-calls.ts';
import { operatorErrors } from './errors.ts';
import { FILE_CALLS } from './file-calls.ts';
import { STATE_CALLS } from './state-calls.ts';
import { containerAnswer, idText, terminationAnswer } from './translate-answers.ts';
import { translateLaunch } from './translate-launch.ts';

const SIGKILL = 9;

/** The calls that have one answer, by type; their fields are in the member of that name in lower case. */
export const PLAIN_CALLS: Readonly<Record<string, CallKind<unknown>>> = {
  GET_HEALTH: call(nothingSchema, async () => answer('GET_HEALTH', { healthy: true })),
  GET_VERSION: call(nothingSchema, async (_, { about }) =>
    answer('GET_VERSION', { version_info: { version: about.version } }),
  ),
  GET_FLAGS: call(nothingSchema, async (_, { about }) => {
    const flags = Object.entries(about.flags).map(([name, value]) => ({ name, value }));
    return answer('GET_FLAGS', { flags });
  }),
  ...DIAGNOSTIC_CALLS,
  ...STATE_CALLS,
  ...FILE_CALLS,
  GET_CONTAINERS: call(getContainersSchema, getContainers),
  LAUNCH_CONTAINER: call(launchSchema, launch),
  WAIT_CONTAINER: call(idSchema, async ({ container_id: id }, { engine, signal }) => {
    const { uid } = await find(engine, id);
    return answer('WAIT_CONTAINER', terminationAnswer(await engine.wait(uid, signal)));
  }),
  KILL_CONTAINER: call(killSchema, kill),
  REMOVE_CONTAINER: call(idSchema, remove),
};

/** All of ours stand alone; they are shown unless they are not wanted, where the original hides them unless asked. */
async function getContainers(
  { show_standalone = true }: z.output<typeof getContainersSchema>,
  { engine }: CallContext,
): Promise<CallAnswer> {
  if (!show_standalone) return answer('GET_CONTAINERS', { containers: [] });
  const [statuses, stats] = await Promise.all([engine.list(), engine.stats()]);
  const byUid = new Map(stats.map((one) => [one.uid, one]));
  const alive = statuses.filter(({ termination }) => termination === undefined);
  return answer('GET_CONTAINERS', { containers: alive.map((one) => containerAnswer(one, byUid.get(one.uid))) });
}

/** 202 for an id that has a live container already: a call that is repeated does nothing twice. */
async function launch(fields: LaunchCall, { engine }: CallContext): Promise<CallAnswer> {
  const { config, secrets } = translateLaunch(fields);
  const known = await engine.check(config.name);
  if (known !== undefined && known.termination === undefined) return { status: 202 };
  await engine.launch(config, secrets);
  return OK;
}

async function kill(
  { container_id: id, signal = SIGKILL }: z.output<typeof killSchema>,
  { engine }: CallContext,
): Promise<CallAnswer> {
  await engine.kill((await find(engine, id)).uid, signal);
  return OK;
}

/** One that is not there is fine. */
async function remove({ container_id: id }: z.output<typeof idSchema>, { engine }: CallContext): Promise<CallAnswer> {
  const found = await engine.check(nameOf(id));
  if (found === undefined) return OK;
  if (found.termination === undefined) throw operatorErrors.stillRunning({ id: idText(id) });
  await engine.remove(found.uid, { volumes: true });
  return OK;
}

/** @throws {EngineError} not-found */
export async function find(engine: Engine, id: ContainerId): Promise<ContainerStatus> {
  return engine.status(nameOf(id));
}

function nameOf(id: ContainerId): string {
  if (id.parent === undefined) return id.value;
  throw operatorErrors.unknownContainer({ id: idText(id), parent: idText(id.parent) });
}

const CALL = z.looseObject({ type: z.string().min(1).max(128) });

/**
 * The call in a body: its type, and the fields that are for it.
 *
 * @throws {EngineError} `operator.unknownCall` (unimplemented), `operator.invalidCall` (invalid-argument)
 */
export function parseCall(body: unknown): { readonly type: string; readonly fields: unknown } {
  const parsed = CALL.safeParse(body);
  if (!parsed.success) throw operatorErrors.invalidCall({ reason: 'expecting a field type' });
  const { type, ...members } = parsed.data;
  const own = type.toLowerCase();
  const other = Object.keys(members).find((name) => name !== own);
  if (other !== undefined)
    throw operatorErrors.invalidCall({ reason: `unexpected field ${other} in a call of type ${type}` });
  return { type, fields: members[own] };
}

/** @throws {EngineError} `operator.invalidCall` (invalid-argument) */
export function parseFields<Fields>(schema: z.ZodType<Fields>, fields: unknown, where: string): Fields {
  const result = schema.safeParse(fields ?? {});
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const place = [where, ...(issue?.path ?? [])].join('.');
  throw operatorErrors.invalidCall({ reason: `${place}: ${issue?.message ?? 'malformed'}` });
}
