import { untilAborted } from '../base/deadline.ts';
import type { MonitorLink } from '../launcher/launcher.ts';
import type { PressureTrigger } from '../linux/pressure.ts';
import type { ContainerConfig, ExecConfig } from '../model/container-config.ts';
import type { Termination } from '../model/exit-status.ts';
import type { Image } from '../model/image-config.ts';
import type { LaunchPlan } from '../model/launch-plan.ts';
import type { SecretValues } from '../model/volume.ts';
import { changeContainer } from './change-container.ts';
import { Cleanups } from './cleanup.ts';
import { drain, isIdle } from './closing.ts';
import type { Container } from './container.ts';
import { endChildren } from './destroy.ts';
import { type DestroyRequest, destroyContainer } from './destroy-container.ts';
import { engineDiagnostics } from './diagnostics/engine-diagnostics.ts';
import { trackedExec, trackedLaunch } from './diagnostics/tracked-launch.ts';
import { trackedPull } from './diagnostics/tracked-pull.ts';
import { stopWherever } from './end-launch.ts';
import { finish } from './ending.ts';
import { engineErrors } from './errors.ts';
import type { EngineEvent, EventPosition, EventQuery } from './event.ts';
import { leaveHistory } from './event-history.ts';
import { explainLaunch } from './explain.ts';
import type {
  ContainerStats,
  ContainerStatus,
  Engine,
  ExecOptions,
  Launched,
  LaunchOptions,
  LogFile,
  PressureEvent,
  Session,
  StatsQuery,
  StreamTicket,
} from './facade.ts';
import { HealthChecks } from './health-checks.ts';
import type { EngineHost } from './host.ts';
import { ImageCollection } from './image-collection.ts';
import { killContainer } from './kill.ts';
import { launchContainer } from './launch.ts';
import { launchOnce } from './launch-once.ts';
import { lifeOperations } from './life-operations.ts';
import { attachTo } from './live-link.ts';
import { logFiles } from './logs.ts';
import { EngineParts } from './operation-parts.ts';
import { pauseContainer, unpauseContainer } from './pause.ts';
import { subscribePressure } from './pressure.ts';
import { recover } from './recover.ts';
import { checkRemovable } from './removable.ts';
import { reserve, sameContainer, untilNameIsFree } from './reservation.ts';
import { Restarts } from './restarts.ts';
import { Sessions } from './sessions.ts';
import { statsOf } from './stats.ts';
import { removeImage } from './upkeep-operations.ts';
import { usageOf } from './usage.ts';

/** The engine on this host. It decides nothing itself: each call is handed to the part that knows. */
export class LocalEngine extends EngineParts implements Engine {
  readonly #host: EngineHost;
  readonly #cleanups: Cleanups;
  readonly lives: Engine['lives'];
  readonly diagnostics: Engine['diagnostics'];
  readonly streams: Sessions;
  readonly #closed = this.closed;
  readonly #operations = this.operations;
  readonly #restarts: Restarts;
  readonly #health: HealthChecks;
  readonly #collection: ImageCollection;

  constructor(host: EngineHost) {
    super(host);
    this.#host = host;
    this.#cleanups = new Cleanups(host);
    this.streams = new Sessions(host);
    this.#restarts = new Restarts(host, this.#cleanups, { operations: this.#operations, follow: this.#follow });
    this.#health = new HealthChecks(host, { sessions: this.streams, restarts: this.#restarts });
    const closed = this.#closed.signal;
    this.lives = lifeOperations(host, { restarts: this.#restarts, operations: this.#operations, closed });
    this.diagnostics = engineDiagnostics(host, this.streams);
    this.#collection = new ImageCollection(host);
  }

  async recover(): Promise<void> {
    const parts = { cleanups: this.#cleanups, sessions: this.streams, restarts: this.#restarts };
    await recover({ host: this.#host, ...parts, follow: (container, link) => this.#follow(container, link, true) });
    this.#host.limits.beginAll(this.#host.registry.all().filter(({ link }) => link !== undefined));
  }

  /** From now on, where the engine was opened with a policy for that. */
  readonly collectImages = (): void => this.#collection.start();

  launch(config: ContainerConfig, secrets?: SecretValues, how: LaunchOptions = {}): Promise<Launched> {
    const launch = (container: Container) => this.#launch(container, secrets);
    const forget = (container: Container) => this.#destroy(container, { graceMs: 0, volumes: true });
    return this.#operations.run(() => launchOnce(this.#host, this.#cleanups, { config, how, launch, forget }));
  }

  create(
    config: ContainerConfig,
    secrets?: SecretValues,
    { credential }: Pick<LaunchOptions, 'credential'> = {},
  ): Promise<ContainerStatus> {
    return this.#operations.run(async () => {
      await untilNameIsFree(this.#host, this.#cleanups, config);
      const holder = sameContainer(this.#host, config);
      if (holder === undefined) {
        const container = reserve(this.#host, config);
        container.credential = credential;
        return (await this.#launch(container, secrets)).status;
      }
      await holder.launched;
      return holder.status();
    });
  }

  destroy(id: string, options: { readonly graceMs?: number } = {}): Promise<void> {
    return this.#operations.run(async () => {
      const container = this.#host.registry.find(id);
      if (container !== undefined) await this.#destroy(container, { graceMs: options.graceMs ?? 0, volumes: true });
    });
  }

  async check(id: string): Promise<ContainerStatus | undefined> {
    this.#closed.signal.throwIfAborted();
    return this.#host.registry.find(id)?.status();
  }

  async status(id: string): Promise<ContainerStatus> {
    return this.#get(id).status();
  }

  async list(): Promise<readonly ContainerStatus[]> {
    this.#closed.signal.throwIfAborted();
    return this.#host.registry.all().map((container) => container.status());
  }

  async wait(id: string, signal?: AbortSignal): Promise<Termination> {
    const remembered = this.#host.registry.find(id) === undefined ? this.#host.registry.endOf(id) : undefined;
    if (remembered !== undefined) return remembered;
    return untilAborted(this.#get(id).ended, this.#closed.signal, ...(signal === undefined ? [] : [signal]));
  }

  kill(id: string, signal: number, { all = false }: { readonly all?: boolean } = {}): Promise<void> {
    return this.#operations.run(() => killContainer(this.#host, this.#restarts, this.#get(id), { signal, all }));
  }

  pause(id: string): Promise<void> {
    return this.#operations.run(() => pauseContainer(this.#host, this.#get(id)));
  }

  unpause(id: string): Promise<void> {
    return this.#operations.run(() => unpauseContainer(this.#host, this.#get(id)));
  }

  update(...change: Parameters<Engine['update']>): Promise<ContainerStatus> {
    return this.#operations.run(() => changeContainer(this.#host, this.#restarts, change));
  }

  stop(id: string, graceMs?: number): Promise<Termination> {
    const stop = () => stopWherever(this.#host, this.#restarts, { id: this.#get(id).uid, graceMs });
    return this.#operations.run(stop);
  }

  remove(id: string, options: { readonly force?: boolean; readonly volumes?: boolean } = {}): Promise<void> {
    return this.#operations.run(async () => {
      const container = this.#get(id);
      if (options.force !== true) checkRemovable(container);
      await this.#destroy(container, { graceMs: 0, volumes: options.volumes === true });
    });
  }

  attach(id: string): Promise<StreamTicket & { readonly terminal: boolean; readonly stdin: boolean }> {
    return this.#operations.run(() => attachTo(this.#get(id)));
  }

  exec(config: ExecConfig, how: ExecOptions = {}): Promise<Session> {
    const of = { config, how };
    return this.#operations.run(() => trackedExec(this.#host, this.streams, this.#get(config.container), of));
  }

  attachSession(id: string): Promise<StreamTicket> {
    return this.#operations.run(async () => this.streams.attach(id));
  }

  async waitSession(id: string, signal?: AbortSignal): Promise<Termination> {
    return untilAborted(this.streams.wait(id), this.#closed.signal, ...(signal === undefined ? [] : [signal]));
  }

  signalSession(id: string, signal: number): Promise<void> {
    return this.#operations.run(() => this.streams.signal(id, signal));
  }

  logs(id: string): Promise<readonly LogFile[]> {
    return this.#operations.run(() => logFiles(this.#host.effects.files, this.#get(id)));
  }

  usage(id: string): Promise<Readonly<Record<string, number>>> {
    return this.#operations.run(() => usageOf(this.#host, this.#get(id)));
  }

  stats(query: StatsQuery = {}): Promise<readonly ContainerStats[]> {
    return this.#operations.run(() => statsOf(this.#host, query));
  }

  pressure(id: string, trigger: PressureTrigger, signal: AbortSignal): Promise<AsyncIterable<PressureEvent>> {
    const signals = [signal, this.#closed.signal];
    return this.#operations.run(() => subscribePressure(this.#host, this.#get(id), { trigger, signals }));
  }

  explain(config: ContainerConfig): Promise<LaunchPlan> {
    return this.#operations.run(() => explainLaunch(this.#host, config));
  }

  plan(id: string): Promise<LaunchPlan> {
    return this.#operations.run(() => this.#host.records.loadPlan(this.#get(id).uid));
  }

  events(signal: AbortSignal, query?: EventQuery): AsyncIterable<EngineEvent> {
    this.#closed.signal.throwIfAborted();
    return this.#host.events.subscribe(signal, query);
  }

  eventPosition(): EventPosition {
    return this.#host.events.position;
  }

  pullImage(reference: string, options: Parameters<Engine['pullImage']>[1]): Promise<Image> {
    return this.#operations.run(() => trackedPull(this.#host, reference, options));
  }

  listImages(): Promise<readonly Image[]> {
    return this.#operations.run(() => this.#host.images.list());
  }

  removeImage(...removal: Parameters<Engine['removeImage']>): ReturnType<Engine['removeImage']> {
    return this.#operations.run(() => removeImage(this.#host, ...removal));
  }

  isIdle(): boolean {
    return isIdle(this.#host, [this.#operations, this.#cleanups, this.streams, this.#restarts]);
  }

  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort(engineErrors.closed());
    const { retries, limits } = this.#host;
    for (const part of [retries, limits, this.#restarts, this.#health, this.#collection]) part.close();
    await drain(this.#host, this.#operations, this.#cleanups);
    this.streams.close();
    for (const { link, termination } of this.#host.registry.all()) if (termination === undefined) link?.detach();
    this.#host.events.close();
    await leaveHistory(this.#host.effects, this.#host.paths, this.#host);
    await this.#host.lock.release();
  }

  #get(id: string): Container {
    this.#closed.signal.throwIfAborted();
    return this.#host.registry.get(id);
  }

  async #launch(container: Container, secrets: SecretValues = new Map()): Promise<Launched> {
    const launching = trackedLaunch(this.#host, container, () => launchContainer(this.#host, container, secrets));
    container.launched = launching;
    const launched = await launching.finally(() => {
      container.credential = undefined;
    });
    if (container.link !== undefined) this.#follow(container, container.link);
    return launched;
  }

  async #destroy(container: Container, how: DestroyRequest): Promise<void> {
    await this.#restarts.forget(container);
    await destroyContainer(this.#host, this.#cleanups, container, how);
  }

  readonly #follow = (container: Container, link: MonitorLink, isRecovered = false): void => {
    container.link = link;
    if (!isRecovered) this.#host.limits.begin(container);
    this.#health.begin(container, isRecovered);
    void link.ended
      .then((end) => {
        this.streams.endAll(container);
        const facts = { kind: 'end', container: container.uid } as const;
        return this.#host.operations.run(facts, () => finish(this.#host, container, end));
      })
      .then(() => this.#restarts.ended(container))
      .then(() => endChildren(this.#host, container))
      .then(() => this.#cleanups.begin(container));
  };
}
