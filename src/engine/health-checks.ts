import type { HealthCheck } from '../model/health.ts';
import type { RepeatedCheck } from '../model/health-check.ts';
import { graceMsOf } from '../model/stop-request.ts';
import { afterOthers } from './changes.ts';
import type { Container } from './container.ts';
import { SIGKILL, stopContainer } from './destroy.ts';
import { aboutContainer } from './happenings.ts';
import { type HealthState, STARTING } from './health-decision.ts';
import type { EngineHost } from './host.ts';
import { type Asked, probeRepeatedly } from './probe-loop.ts';
import { damageOf } from './problem.ts';
import type { Restarts } from './restarts.ts';
import type { Sessions } from './sessions.ts';
import type { CheckKind } from './supervision-records.ts';
import { Turns } from './turns.ts';

/** Probes by command that are started at once; each is a process in its container, and a launch must not wait for hundreds. */
const STARTS_AT_ONCE = 8;
/** Probes by HTTP and TCP at once. Each is a socket of one helper process, and one that hangs holds up no more than its own place. */
const CONNECTIONS_AT_ONCE = 128;

export interface HealthParts {
  readonly sessions: Sessions;
  readonly restarts: Restarts;
}

/**
 * Asks running containers how they are and whether they are ready, as their checks say, and does what is to be done about those
 * that are not well.
 */
export class HealthChecks {
  readonly #host: EngineHost;
  readonly #parts: HealthParts;
  readonly #turns = { commands: new Turns(STARTS_AT_ONCE), connections: new Turns(CONNECTIONS_AT_ONCE) };
  readonly #closed = new AbortController();

  constructor(host: EngineHost, parts: HealthParts) {
    this.#host = host;
    this.#parts = parts;
  }

  /**
   * Begins the checks of a container that runs, until its end or `close`.
   *
   * @param isRecovered an earlier engine has begun them: how it was then is on disk
   */
  begin(container: Container, isRecovered: boolean): void {
    const { healthCheck, readinessCheck } = container;
    if (healthCheck === undefined && readinessCheck === undefined) return;
    const stop = new AbortController();
    const how = { isRecovered, signal: AbortSignal.any([stop.signal, this.#closed.signal]) };
    void container.ended.then(() => stop.abort());
    if (healthCheck !== undefined) this.#ask(container, 'health', { asked: this.#health(container, healthCheck), how });
    if (readinessCheck !== undefined) {
      this.#ask(container, 'readiness', { asked: this.#readiness(container, readinessCheck), how });
    }
  }

  /** Containers go on; the next engine checks again. */
  close(): void {
    this.#closed.abort();
  }

  #ask(
    container: Container,
    kind: CheckKind,
    {
      asked,
      how,
    }: { readonly asked: Asked; readonly how: { readonly isRecovered: boolean; readonly signal: AbortSignal } },
  ): void {
    container[kind] = STARTING;
    const ask = async (): Promise<void> => {
      if (how.isRecovered) await this.#load(container, kind);
      await probeRepeatedly(
        { host: this.#host, sessions: this.#parts.sessions, turns: this.#turns },
        container,
        asked,
        how,
      );
    };
    void ask().catch((error) => {
      if (!how.signal.aborted) this.#host.report({ what: `checks of its ${kind}`, uid: container.uid, error });
    });
  }

  #health(container: Container, check: HealthCheck): Asked {
    return {
      check,
      state: () => container.health ?? STARTING,
      note: async (state, before) => {
        container.health = state;
        if (state.status === before.status) return;
        const atMs = this.#host.effects.clock.nowMs();
        this.#host.events.emit({ ...aboutContainer(container), kind: 'health', atMs, health: state.status });
        await this.#save(container, 'health', state);
        if (state.status === 'unhealthy') await this.#act(container, check);
      },
    };
  }

  /** Whoever is not ready is well all the same: nothing follows but that it is told. */
  #readiness(container: Container, check: RepeatedCheck): Asked {
    return {
      check,
      state: () => container.readiness ?? STARTING,
      note: async (state, before) => {
        container.readiness = state;
        if (state.status === before.status) return;
        const isReady = state.status === 'healthy';
        if (isReady !== (before.status === 'healthy')) {
          const atMs = this.#host.effects.clock.nowMs();
          this.#host.events.emit({ ...aboutContainer(container), kind: 'readiness', atMs, isReady });
        }
        await this.#save(container, 'readiness', state);
      },
    };
  }

  async #act(container: Container, { onFailure }: HealthCheck): Promise<void> {
    const { restarts } = this.#parts;
    switch (onFailure) {
      case 'none':
        return;
      case 'kill':
        container.unhealthyEnd = 'kill';
        await container.link?.signal(SIGKILL);
        return;
      case 'restart':
        container.unhealthyEnd = 'restart';
        await stopContainer(this.#host, container, graceMsOf(container.config));
        return;
      case 'stop':
        await restarts.stopAsked(container);
        await stopContainer(this.#host, container, graceMsOf(container.config));
        return;
    }
  }

  /** With what is changed of a live container otherwise, so that its cleanup waits for it. Never rejects. */
  #save(container: Container, kind: CheckKind, state: HealthState): Promise<void> {
    const { uid } = container;
    return afterOthers(container, async () => {
      if (container.termination !== undefined) return;
      await this.#host.records.saveHealth(uid, kind, { schemaVersion: 1, bootId: this.#host.bootId, state });
    }).catch((error) => this.#host.report({ what: `record of its ${kind}`, uid, error }));
  }

  async #load(container: Container, kind: CheckKind): Promise<void> {
    const found = await this.#host.records.loadHealth(container.uid, kind);
    if (found.kind === 'damaged') this.#host.report(damageOf(found, container.uid));
    if (found.kind === 'present' && found.value.bootId === this.#host.bootId) container[kind] = found.value.state;
  }
}
