import { systemErrorCode } from '../model/error.ts';
import type { LaunchPlan } from '../model/launch-plan.ts';
import type { Container } from './container.ts';
import { engineErrors } from './errors.ts';
import type { EngineHost } from './host.ts';

export const TRACE = 'SYS_PTRACE';

/** Whether a container may look into processes of ours: who has CAP_SYS_ADMIN on the host needs no such way to it, and in a user namespace neither capability reaches us. */
export function mayTrace({ capabilities: { bounding }, userNamespace }: LaunchPlan): boolean {
  return userNamespace === undefined && bounding.includes(TRACE) && !bounding.includes('SYS_ADMIN');
}

/**
 * Refuses to launch into a pid namespace in which somebody may trace everything. Until the new process has left the host's
 * files it is visible there; it is not dumpable, but that stops nobody with CAP_SYS_PTRACE, who could open its root.
 *
 * @param joined whose pid namespace it is to be; others that have joined it count as much
 * @param reaches which containers may be in it at all; what those around `joined` may was asked when it was launched
 * @throws {EngineError} `engine.joinedMayTrace` (permission-denied)
 */
export async function checkTracers(
  host: EngineHost,
  joined: Container,
  reaches: (container: Container) => boolean = (one) => surrounds(one, joined) || sharesProcesses(one),
): Promise<void> {
  const tracers: Container[] = [];
  for (const container of host.registry.all()) {
    if (container.process === undefined || !reaches(container)) continue;
    const plan = await host.records.loadPlan(container.uid).catch((error: unknown) => {
      if (container.isEnding || container.state === 'destroying') return undefined; // its record goes with it
      throw error;
    });
    if (plan !== undefined && mayTrace(plan)) tracers.push(container);
  }
  if (tracers.length === 0) return;
  const namespaces = new Set<string | undefined>();
  // Who lives in a nested namespace is seen from those around it.
  for (let at: Container | undefined = joined; at !== undefined; at = at.parent)
    namespaces.add(await pidNamespace(host, at));
  for (const tracer of tracers) {
    if (!namespaces.has(await pidNamespace(host, tracer))) continue;
    const names = { container: joined.config.name, tracer: tracer.config.name };
    throw engineErrors.joinedMayTrace({ ...names, capability: TRACE });
  }
}

function surrounds(container: Container, inner: Container): boolean {
  for (let at: Container | undefined = inner; at !== undefined; at = at.parent) if (at === container) return true;
  return false;
}

/** Whether a container may be in the pid namespace of another one. */
export function sharesProcesses({ config: { namespaces, isolation } }: Container): boolean {
  const { kind } = namespaces?.pid ?? { kind: 'private' };
  return kind !== 'private' || isolation?.includes('namespaces/pid') === false;
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
