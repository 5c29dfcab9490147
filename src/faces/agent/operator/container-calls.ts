import type { z } from 'zod';
import { untilAborted } from '../../../base/deadline.ts';
import type { ContainerConfig } from '../../../model/container-config.ts';
import { isErrorOfKind } from '../../../model/error.ts';
import type { Termination } from '../../../model/exit-status.ts';
import type { SecretValues } from '../../../model/volume.ts';
import type { Need } from '../access/decide.ts';
import { killOnce, signalSessionOnce } from '../repeated-signal.ts';
import { answer, type CallAnswer, type CallContext, type CallKind, call, OK } from './call-kind.ts';
import {
  getContainersSchema,
  idSchema,
  killNestedSchema,
  killSchema,
  type LaunchCall,
  launchNestedSchema,
  launchSchema,
  nestedSchema,
} from './call-schemas.ts';
import { type ContainerId, check, find, idText, isNested, rootOf } from './container-ids.ts';
import { operatorErrors } from './errors.ts';
import { COUNTED, containerAnswer, processAnswer, terminationAnswer } from './translate-answers.ts';
import { translateLaunch } from './translate-launch.ts';

const SIGKILL = 9;

type IdFields = z.output<typeof idSchema>;

/** The calls for containers, and their older forms for those that live in another one. */
const READ: Need = { role: 'read', of: 'containers' };
const OPERATE: Need = { role: 'operate', of: 'containers' };

export const CONTAINER_CALLS: Readonly<Record<string, CallKind<unknown>>> = {
  GET_CONTAINERS: call(READ, getContainersSchema, getContainers),
  LAUNCH_CONTAINER: { ...call(OPERATE, launchSchema, launch), isUnwritten: true },
  LAUNCH_NESTED_CONTAINER: { ...call(OPERATE, launchNestedSchema, launch), isUnwritten: true },
  WAIT_CONTAINER: call(READ, idSchema, wait('WAIT_CONTAINER')),
  WAIT_NESTED_CONTAINER: call(READ, nestedSchema, wait('WAIT_NESTED_CONTAINER')),
  KILL_CONTAINER: call(OPERATE, killSchema, kill),
  KILL_NESTED_CONTAINER: call(OPERATE, killNestedSchema, kill),
  REMOVE_CONTAINER: call(OPERATE, idSchema, remove),
  REMOVE_NESTED_CONTAINER: call(OPERATE, nestedSchema, remove),
};

/**
 * All of ours stand alone, or live in one that does; they are shown unless they are not wanted, where the original
 * hides them unless asked. Those that live in another one are hidden unless asked, as there.
 */
async function getContainers(
  { show_standalone = true, show_nested = false }: z.output<typeof getContainersSchema>,
  { engine, sessions }: CallContext,
): Promise<CallAnswer> {
  if (!show_standalone) return answer('GET_CONTAINERS', { containers: [] });
  const [statuses, stats] = await Promise.all([engine.list(), engine.stats({ only: COUNTED })]);
  const byUid = new Map(stats.map((one) => [one.uid, one]));
  const alive = statuses.filter(({ termination, depth }) => termination === undefined && (show_nested || depth === 1));
  const uids = new Set(alive.map(({ uid }) => uid));
  const inside = show_nested ? sessions.processes().filter(({ parent }) => uids.has(parent)) : [];
  const containers = [
    ...alive.map((one) => containerAnswer(one, byUid.get(one.uid))),
    ...inside.map(({ id, pid }) => processAnswer(id, pid)),
  ];
  return answer('GET_CONTAINERS', { containers });
}

/** 202 for an id that has a live container already: a call that is repeated does nothing twice. */
async function launch(fields: LaunchCall, context: CallContext): Promise<CallAnswer> {
  const { engine, sessions, about } = context;
  const { container_id: id } = fields;
  const { config, secrets } = translateLaunch(fields, about.launcher);
  const known = await check(engine, id);
  if (known !== undefined && known.termination === undefined) return { status: 202 };
  if (!isNested(id)) return launchForClient(context, config, secrets);
  const { uid: parent } = await find(engine, id.parent);
  if (await sessions.has(engine, id)) throw operatorErrors.idTaken({ id: idText(id), holder: 'a session' });
  return launchForClient(context, { ...config, parent }, secrets);
}

/** A client that leaves before it is answered wants no container. The agent's own end is another thing. */
async function launchForClient(
  { engine, signal, requestKey }: CallContext,
  config: ContainerConfig,
  secrets: SecretValues,
): Promise<CallAnswer> {
  const left = new AbortController();
  const leave = (): void => {
    if (!isErrorOfKind(signal.reason, 'unavailable')) left.abort(signal.reason);
  };
  if (signal.aborted) leave();
  signal.addEventListener('abort', leave, { once: true });
  try {
    const { status } = await engine.launch(config, secrets, { signal: left.signal, requestKey });
    if (left.signal.aborted) await engine.destroy(status.uid);
    return OK;
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

function wait(type: string) {
  return async ({ container_id: id }: IdFields, context: CallContext): Promise<CallAnswer> =>
    answer(type, terminationAnswer(await endOf(id, context)));
}

async function endOf(id: ContainerId, { engine, sessions, signal }: CallContext): Promise<Termination> {
  const session = await sessions.process(engine, id);
  if (session !== undefined) return untilAborted(session.ended, signal);
  const ended = await sessions.endOf(engine, id);
  if (ended !== undefined) return ended;
  return engine.wait((await find(engine, id)).uid, signal);
}

/** 404 for one that has ended, as for one that is not there: the original tells no difference (kill, mesos/containerizer.cpp). */
async function kill(
  { container_id: id, signal = SIGKILL }: z.output<typeof killSchema>,
  { engine, sessions, begun }: CallContext,
): Promise<CallAnswer> {
  const session = await sessions.process(engine, id);
  if (session?.sessionId !== undefined) {
    if (session.isOver) throw operatorErrors.hasEnded({ id: idText(id) });
    await signalSessionOnce(engine, { id: session.sessionId, signal, begun });
    return OK;
  }
  if ((await sessions.endOf(engine, id)) !== undefined) throw operatorErrors.hasEnded({ id: idText(id) });
  const { uid, termination } = await find(engine, id);
  if (termination !== undefined) throw operatorErrors.hasEnded({ id: idText(id) });
  await killOnce(engine, { id: uid, signal, begun });
  return OK;
}

/** One that is not there is fine, as long as what it would live in is. */
async function remove({ container_id: id }: IdFields, { engine, sessions }: CallContext): Promise<CallAnswer> {
  const session = await sessions.process(engine, id);
  const found = session === undefined ? await check(engine, id) : undefined;
  if (session?.isOver === false || (found !== undefined && found.termination === undefined)) {
    throw operatorErrors.stillRunning({ id: idText(id) });
  }
  if (found !== undefined) await engine.remove(found.uid, { volumes: true });
  else if (session === undefined && isNested(id)) await checkRoot(id, engine);
  // Of what this caller does not see nothing is forgotten.
  if (session !== undefined || found !== undefined) sessions.forget(id);
  await sessions.forgetEnd(engine, id);
  return OK;
}

async function checkRoot(id: ContainerId, engine: CallContext['engine']): Promise<void> {
  const root = rootOf(id);
  if ((await check(engine, root)) === undefined) throw operatorErrors.rootGone({ id: idText(id), root: root.value });
}
