import type { HealthCheck } from '../model/health.ts';
import { afterOthers } from './changes.ts';
import type { Container } from './container.ts';
import { SIGKILL, stopContainer } from './destroy.ts';
import { aboutContainer } from './happenings.ts';
import { type HealthWord, nextHealth, probeDelayMs, STARTING } from './health-decision.ts';
import { probe } from './health-probe.ts';
import type { EngineHost } from './host.ts';
import type { Restarts } from './restarts.ts';
import type { Sessions } from './sessions.ts';
import { Turns } from './turns.ts';

/** Probes that are started at once; each is a process in its container, and a launch must not wait for hundreds. */
const STARTS_AT_ONCE = 8;
/** As a `stop` that says nothing else. */
const STOP_GRACE_MS = 10_000;

export interface HealthParts {
  readonly sessions: Sessions;
  readonly restarts: Restarts;
}

/** Asks running containers how they are, as their checks say, and does what is to be done about those that are not well. */
export class HealthChecks {
  readonly #host: EngineHost;
  readonly #parts: HealthParts;
  readonly #turns = new Turns(STARTS_AT_ONCE);
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
    const { healthCheck } = container;
    if (healthCheck === undefined) return;
    container.health = STARTING;
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, this.#closed.signal]);
    void container.ended.then(() => stop.abort());
    void this.#watch(container, healthCheck, { isRecovered, signal }).catch((error) => {
      if (!signal.aborted) this.#host.report({ what: 'health checks', uid: container.uid, error });
    });
  }

  /** Containers go on; the next engine checks again. */
  close(): void {
    this.#closed.abort();
  }

  async #watch(
    container: Container,
    check: HealthCheck,
    { isRecovered, signal }: { readonly isRecovered: boolean; readonly signal: AbortSignal },
  ): Promise<void> {
    const { clock } = this.#host.effects;
    const startedAtMs = container.startedAtMs ?? clock.nowMs();
    if (isRecovered) await this.#load(container);
    // An engine that finds a thousand containers does not ask them all at once.
    for (let isFirst = isRecovered; ; isFirst = false) {
      const chance = this.#chance();
      const moment = { startedAtMs, atMs: clock.nowMs(), chance };
      const delayMs = probeDelayMs(check, container.health ?? STARTING, moment);
      await clock.sleep(isFirst ? Math.round(delayMs * chance) : delayMs, signal);
      if (container.state !== 'running') continue;
      const parts = { host: this.#host, sessions: this.#parts.sessions };
      const result = await probe({ ...parts, inTurn: (start) => this.#turns.run(start) }, container, check);
      // One that was cut short by an end, a pause or a close says nothing of its health.
      if (signal.aborted || container.state !== 'running') continue;
      const before = container.health ?? STARTING;
      container.health = nextHealth(check, before, { result, startedAtMs });
      if (container.health.status !== before.status) await this.#changed(container, check, container.health.status);
    }
  }

  async #changed(container: Container, check: HealthCheck, health: HealthWord): Promise<void> {
    const { events, effects } = this.#host;
    events.emit({ ...aboutContainer(container), kind: 'health', atMs: effects.clock.nowMs(), health });
    await this.#save(container);
    if (health === 'unhealthy') await this.#act(container, check);
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
        await stopContainer(this.#host, container, STOP_GRACE_MS);
        return;
      case 'stop':
        await restarts.stopAsked(container);
        await stopContainer(this.#host, container, STOP_GRACE_MS);
        return;
    }
  }

  /** With what is changed of a live container otherwise, so that its cleanup waits for it. Never rejects. */
  #save(container: Container): Promise<void> {
    const { uid, health = STARTING } = container;
    return afterOthers(container, async () => {
      if (container.termination !== undefined) return;
      await this.#host.records.saveHealth(uid, { schemaVersion: 1, bootId: this.#host.bootId, state: health });
    }).catch((error) => this.#host.report({ what: 'record of its health', uid, error }));
  }

  async #load(container: Container): Promise<void> {
    const found = await this.#host.records.loadHealth(container.uid);
    if (found.kind === 'damaged') this.#host.report({ what: `damaged ${found.file}`, error: found.error });
    if (found.kind === 'present' && found.value.bootId === this.#host.bootId) container.health = found.value.state;
  }

  #chance(): number {
    const [byte = 0] = this.#host.effects.random.bytes(1);
    return byte / 255;
  }
}
