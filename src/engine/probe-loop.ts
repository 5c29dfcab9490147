import type { RepeatedCheck } from '../model/health-check.ts';
import type { Container } from './container.ts';
import { type HealthState, nextHealth, probeDelayMs, STARTING } from './health-decision.ts';
import { probe } from './health-probe.ts';
import type { EngineHost } from './host.ts';
import { probePort } from './port-probe.ts';
import type { Sessions } from './sessions.ts';
import type { Turns } from './turns.ts';

/** One thing that is asked of a container again and again, and where it is kept what came of it. */
export interface Asked {
  readonly check: RepeatedCheck;
  state(): HealthState;
  /** After every probe. */
  note(state: HealthState, before: HealthState): Promise<void> | void;
}

export interface ProbeParts {
  readonly host: EngineHost;
  readonly sessions: Sessions;
  /** Of commands the starts, of connections the whole of each. */
  readonly turns: { readonly commands: Turns; readonly connections: Turns };
}

/**
 * Asks a container how it is, until the signal aborts.
 *
 * @param how.isRecovered its first moment is a random one: an engine that finds a thousand containers does not ask them all at once
 */
export async function probeRepeatedly(
  parts: ProbeParts,
  container: Container,
  asked: Asked,
  { isRecovered, signal }: { readonly isRecovered: boolean; readonly signal: AbortSignal },
): Promise<void> {
  const { clock, random } = parts.host.effects;
  const { check } = asked;
  const startedAtMs = container.startedAtMs ?? clock.nowMs();
  for (let isFirst = isRecovered; ; isFirst = false) {
    const [byte = 0] = random.bytes(1);
    const chance = byte / 255;
    const delayMs = probeDelayMs(check, asked.state(), { startedAtMs, atMs: clock.nowMs(), chance });
    await clock.sleep(isFirst ? Math.round(delayMs * chance) : delayMs, signal);
    if (container.state !== 'running') continue;
    const result = await probeOnce(parts, container, check);
    // One that was cut short by an end, a pause or a close says nothing of its health.
    if (signal.aborted || container.state !== 'running') continue;
    const before = asked.state() ?? STARTING;
    await asked.note(nextHealth(check, before, { result, startedAtMs }), before);
  }
}

async function probeOnce({ host, sessions, turns }: ProbeParts, container: Container, check: RepeatedCheck) {
  const { clock } = host.effects;
  if ('command' in check) {
    return probe({ host, sessions, inTurn: (start) => turns.commands.run(start) }, container, check);
  }
  return turns.connections.run(async () => {
    const startedAtMs = clock.nowMs();
    try {
      return await probePort(host, container, check);
    } catch (error) {
      const output = error instanceof Error ? error.message : String(error);
      return { startedAtMs, endedAtMs: clock.nowMs(), ok: false, exitCode: undefined, output };
    }
  });
}
