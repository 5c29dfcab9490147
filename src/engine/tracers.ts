import { systemErrorCode } from '../model/error.ts';
import type { LaunchPlan } from '../model/launch-plan.ts';
import { sessionAppearance } from '../plan/session-appearance.ts';
import type { Container } from './container.ts';
import { engineErrors } from './errors.ts';
import type { EngineHost } from './host.ts';

const TRACE = 'SYS_PTRACE';

/** Whether a container may look into processes of ours: who has CAP_SYS_ADMIN on the host needs no such way to it, and in a user namespace neither capability reaches us. */
function mayTrace({ capabilities: { bounding }, userNamespace }: LaunchPlan): boolean {
  return userNamespace === undefined && bounding.includes(TRACE) && !bounding.includes('SYS_ADMIN');
}

/**
 * Refuses to launch into a pid namespace in which somebody may trace everything. Until the new process has left the host's
 * files it is visible there; it is not dumpable, but that stops nobody with CAP_SYS_PTRACE, who could open its root.
 *
 * @param joined whose pid namespace it is to be; others that have joined it count as much
 * @throws {EngineError} `engine.joinedMayTrace` (permission-denied)
 */
export async function checkTracers(host: EngineHost, joined: Container): Promise<void> {
  const tracer = await findTracer(host, joined);
  if (tracer === undefined) return;
  const names = { container: joined.config.name, tracer: tracer.config.name };
  throw engineErrors.joinedMayTrace({ ...names, capability: TRACE });
}

/**
 * Refuses a container in one where somebody may trace everything: a process of ours is in the parent's pid namespace before it has
 * left the host's files.
 *
 * @throws {EngineError} `engine.parentMayTrace` (permission-denied)
 */
export async function checkParentTracers(host: EngineHost, parent: Container): Promise<void> {
  const tracer = await findTracer(host, parent);
  if (tracer === undefined) return;
  throw engineErrors.parentMayTrace({ parent: parent.path, tracer: tracer.path, capability: TRACE });
}

/**
 * Refuses a session that its container would see with more rights than its own, if somebody there could make use of them.
 *
 * @throws {EngineError} `engine.sessionMayBeTraced` (permission-denied)
 */
export async function checkSession(host: EngineHost, container: Container, plan: LaunchPlan): Promise<void> {
  const appearance = sessionAppearance(plan);
  if (appearance.kind !== 'unconfined') return;
  const tracer = await findTracer(host, container);
  if (tracer === undefined) return;
  const names = { container: container.config.name, tracer: tracer.config.name };
  throw engineErrors.sessionMayBeTraced({ ...names, ...appearance.refused, capability: TRACE });
}

/**
 * A running container that sees the processes of this one, and may trace them. Who lives in a nested namespace is seen from those
 * around it; besides, only who has joined one of these sees them.
 */
async function findTracer(host: EngineHost, seen: Container): Promise<Container | undefined> {
  const around: Container[] = [];
  for (let at: Container | undefined = seen; at !== undefined; at = at.parent) around.push(at);
  for (const container of around) if (await isTracer(host, container)) return container;
  const tracers: Container[] = [];
  for (const container of host.registry.all()) {
    if (!hasJoined(container) || around.includes(container)) continue;
    if (await isTracer(host, container)) tracers.push(container);
  }
  if (tracers.length === 0) return undefined;
  const namespaces = new Set<string | undefined>();
  for (const container of around) namespaces.add(await pidNamespace(host, container));
  for (const container of tracers) {
    const namespace = await pidNamespace(host, container);
    if (namespace !== undefined && namespaces.has(namespace)) return container;
  }
  return undefined;
}

/** Whether a container may be in the pid namespace of another one. */
function hasJoined({ config: { namespaces, isolation }, process }: Container): boolean {
  const { kind } = namespaces?.pid ?? { kind: 'private' };
  return process !== undefined && (kind !== 'private' || isolation?.includes('namespaces/pid') === false);
}

async function isTracer(host: EngineHost, container: Container): Promise<boolean> {
  if (container.process === undefined) return false;
  const plan = await host.records.loadPlan(container.uid).catch((error: unknown) => {
    if (container.isEnding || container.state === 'destroying') return undefined; // its record goes with it
    throw error;
  });
  return plan !== undefined && mayTrace(plan);
}

/** @returns `undefined` for a process that has ended */
async function pidNamespace(
  { effects }: EngineHost,
  { process }: Pick<Container, 'process'>,
): Promise<string | undefined> {
  if (process === undefined) return undefined;
  try {
    return await effects.files.readLink(`/proc/${process.pid}/ns/pid`);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
