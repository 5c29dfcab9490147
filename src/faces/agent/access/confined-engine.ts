import { engineErrors } from '../../../engine/errors.ts';
import type { EngineEvent, EventPosition, EventQuery } from '../../../engine/event.ts';
import type { ContainerStatus, Engine, Launched, StatsQuery, StreamTicket } from '../../../engine/facade.ts';
import { scopeText } from '../../../model/access.ts';
import type { ContainerConfig, ExecConfig } from '../../../model/container-config.ts';
import type { ContainerUid } from '../../../model/container-id.ts';
import { isErrorOfKind } from '../../../model/error.ts';
import type { Termination } from '../../../model/exit-status.ts';

import type { SecretValues } from '../../../model/volume.ts';
import { ancestorsOf, scopedOf } from './ancestry.ts';
import { eventsOfOurs } from './confined-events.ts';
import { ConfinedFiles } from './confined-files.ts';
import { ConfinedParts } from './confined-parts.ts';
import { ConfinedStreams } from './confined-streams.ts';
import { ConfinedVolumes } from './confined-volumes.ts';
import { type Caller, isWithin, launchRefusal, obey, pullRefusal, type Scoped, updateRefusal } from './decide.ts';
import { accessErrors } from './errors.ts';
import type { SeenContainers } from './seen-containers.ts';

export interface ConfinedPorts {
  readonly seen: SeenContainers;
  /** Files of the host that a container may be shown read-only by anybody: programs of the agent itself. */
  readonly harmlessPaths: readonly string[];
}

/**
 * The engine as one caller may use it. Every container that is named is looked up once, must be within the caller's
 * scope, and is handed on by its uid, so that no other one can take its name meanwhile; a foreign one is not there.
 * Whatever is not let through here by name is not let through.
 */
export class ConfinedEngine extends ConfinedParts implements Engine {
  readonly #engine: Engine;
  readonly #caller: Caller;
  readonly #ports: ConfinedPorts;
  readonly volumes: ConfinedVolumes;
  readonly files: ConfinedFiles;
  readonly registries: Engine['registries'];
  readonly #streams: ConfinedStreams;

  constructor(engine: Engine, caller: Caller, ports: ConfinedPorts) {
    super(engine, caller);
    this.#engine = engine;
    this.#caller = caller;
    this.#ports = ports;
    this.volumes = new ConfinedVolumes(engine.volumes, caller);
    this.files = new ConfinedFiles(engine.files, this, caller);
    this.registries = engine.registries;
    this.#streams = new ConfinedStreams(engine.streams, this, caller.name);
  }

  /** What it tells is of everybody's containers. */
  get diagnostics(): Engine['diagnostics'] {
    if (this.#caller.grant.scope !== undefined) this.#refuseWhole('what the engine tells of itself');
    return this.#engine.diagnostics;
  }

  get streams(): Engine['streams'] {
    return this.#streams;
  }

  async launch(
    config: ContainerConfig,
    secrets?: SecretValues,
    how?: Parameters<Engine['launch']>[2],
  ): Promise<Launched> {
    const launched = await this.#engine.launch(await this.#permitted(config), secrets, how);
    await this.#remember(launched.status);
    return launched;
  }

  async create(config: ContainerConfig, secrets?: SecretValues): Promise<ContainerStatus> {
    const status = await this.#engine.create(await this.#permitted(config), secrets);
    await this.#remember(status);
    return status;
  }

  async explain(config: ContainerConfig): ReturnType<Engine['explain']> {
    return this.#engine.explain(await this.#permitted(config));
  }

  async destroy(id: string, options?: { readonly graceMs?: number }): Promise<void> {
    const found = await this.check(id);
    if (found !== undefined) await this.#engine.destroy(found.uid, options);
  }

  async check(id: string): Promise<ContainerStatus | undefined> {
    const found = await this.#named(id);
    if (found !== undefined && (await this.#sees(found))) return found;
    // One of ours may begin with the same digits as a foreign one, of which the caller knows nothing.
    const mine = (await this.list()).filter(({ uid, path }) => uid.startsWith(id) || path === id);
    if (mine.length > 1) throw engineErrors.ambiguousId({ id, matches: mine.map(({ uid }) => uid) });
    return mine[0];
  }

  async status(id: string): Promise<ContainerStatus> {
    const found = await this.check(id);
    if (found === undefined) throw accessErrors.foreignContainer({ id, who: this.#caller.name });
    return found;
  }

  async list(): Promise<readonly ContainerStatus[]> {
    const all = await this.#engine.list();
    const isSeen = await Promise.all(all.map((status) => this.#sees(status)));
    return all.filter((_, index) => isSeen[index]);
  }

  async wait(id: string, signal?: AbortSignal): Promise<Termination> {
    return this.#engine.wait(await this.lastUid(id), signal);
  }

  async kill(id: string, signal: number, how?: { readonly all?: boolean }): Promise<void> {
    await this.#engine.kill(await this.#uid(id), signal, how);
  }

  async stop(id: string, graceMs?: number): Promise<Termination> {
    return this.#engine.stop(await this.#uid(id), graceMs);
  }

  async pause(id: string): Promise<void> {
    await this.#engine.pause(await this.#uid(id));
  }

  async unpause(id: string): Promise<void> {
    await this.#engine.unpause(await this.#uid(id));
  }

  async update(...[id, changes, others, how]: Parameters<Engine['update']>): Promise<ContainerStatus> {
    const uid = await this.#uid(id);
    obey(updateRefusal(this.#caller, uid, { changes, others }));
    return this.#engine.update(uid, changes, others, how);
  }

  async remove(id: string, options?: Parameters<Engine['remove']>[1]): Promise<void> {
    await this.#engine.remove(await this.#uid(id), options);
  }

  async attach(id: string): Promise<Awaited<ReturnType<Engine['attach']>>> {
    return this.#engine.attach(await this.#uid(id));
  }

  async exec(config: ExecConfig, how?: Parameters<Engine['exec']>[1]): ReturnType<Engine['exec']> {
    return this.#engine.exec({ ...config, container: await this.#uid(config.container) }, how);
  }

  async waitSession(id: string, signal?: AbortSignal): Promise<Termination> {
    await this.#streams.containerOf(id);
    return this.#engine.waitSession(id, signal);
  }

  async attachSession(id: string): Promise<StreamTicket> {
    await this.#streams.containerOf(id);
    return this.#engine.attachSession(id);
  }

  async signalSession(id: string, signal: number): Promise<void> {
    await this.#streams.containerOf(id);
    await this.#engine.signalSession(id, signal);
  }

  async logs(id: string): ReturnType<Engine['logs']> {
    return this.#engine.logs(await this.#uid(id));
  }

  async usage(id: string): Promise<Readonly<Record<string, number>>> {
    return this.#engine.usage(await this.#uid(id));
  }

  async stats(query: StatsQuery = {}): ReturnType<Engine['stats']> {
    if (query.ids !== undefined) {
      return this.#engine.stats({ ...query, ids: await Promise.all(query.ids.map((id) => this.#uid(id))) });
    }
    const mine = new Set((await this.list()).map(({ uid }) => uid));
    return (await this.#engine.stats(query)).filter(({ uid }) => mine.has(uid));
  }

  async pressure(id: string, ...watch: PressureArguments): ReturnType<Engine['pressure']> {
    return this.#engine.pressure(await this.#uid(id), ...watch);
  }

  async plan(id: string): ReturnType<Engine['plan']> {
    return this.#engine.plan(await this.#uid(id));
  }

  events(signal: AbortSignal, query?: EventQuery): AsyncIterable<EngineEvent> {
    const { scope } = this.#caller.grant;
    const events = this.#engine.events(signal, query);
    // Whoever is confined to a container learns what is below it from the engine: an event does not tell.
    const isOurs = (told: Pick<Scoped, 'labels'>): boolean => isWithin(scope, { labels: told.labels, ancestors: [] });
    return scope === undefined ? events : eventsOfOurs(this, events, isOurs);
  }

  eventPosition(): EventPosition {
    return this.#engine.eventPosition();
  }

  async pullImage(...pull: Parameters<Engine['pullImage']>): Promise<Awaited<ReturnType<Engine['pullImage']>>> {
    obey(pullRefusal(this.#caller, pull[0]));
    return this.#engine.pullImage(...pull);
  }

  listImages(): ReturnType<Engine['listImages']> {
    return this.#engine.listImages();
  }

  async removeImage(
    ...removal: Parameters<Engine['removeImage']>
  ): Promise<Awaited<ReturnType<Engine['removeImage']>>> {
    if (this.#caller.grant.scope !== undefined) this.#refuseWhole(`the removal of image ${removal[0]}`);
    return this.#engine.removeImage(...removal);
  }

  isIdle(): boolean {
    return this.#engine.isIdle();
  }

  async close(): Promise<void> {
    this.#refuseWhole('the end of the engine');
  }

  /** The config with everything that it names put in a way that cannot change. @throws {EngineError} `access.*` */
  async #permitted(config: ContainerConfig): Promise<ContainerConfig> {
    const { harmlessPaths } = this.#ports;
    const asked = config.volumes.filter(
      (volume) => volume.kind !== 'host-path' || !volume.readOnly || !harmlessPaths.includes(volume.hostPath),
    );
    const parent = config.parent === undefined ? undefined : await this.#uid(config.parent);
    const ancestors = await ancestorsOf(this.#engine, parent);
    obey(launchRefusal(this.#caller, { ...config, volumes: asked }, ancestors));
    const path = parent === undefined ? config.name : `${parent}/${config.name}`;
    const holder = config.name === '' ? undefined : await this.#named(path);
    if (holder?.config.name === config.name && holder.parent === parent && !(await this.#sees(holder))) {
      throw accessErrors.nameTaken({ what: 'container', name: config.name, who: this.#caller.name });
    }
    const settled = { ...(await this.#settled(config)), volumes: await this.volumes.settle(config.volumes) };
    return parent === undefined ? settled : { ...settled, parent };
  }

  /** Other containers that a config leans on, by their uids. */
  async #settled(config: ContainerConfig): Promise<ContainerConfig> {
    const { volumesFrom, namespaces } = config;
    const lent =
      volumesFrom &&
      (await Promise.all(volumesFrom.map(async (from) => ({ ...from, container: await this.#uid(from.container) }))));
    if (namespaces === undefined) return { ...config, ...(lent && { volumesFrom: lent }) };
    const { pid, ipc, networkOf } = namespaces;
    const joined = {
      ...namespaces,
      ...(pid?.kind === 'container' && { pid: { ...pid, container: await this.#uid(pid.container) } }),
      ...(ipc?.kind === 'container' && { ipc: { ...ipc, container: await this.#uid(ipc.container) } }),
      ...(networkOf !== undefined && { networkOf: await this.#uid(networkOf) }),
    };
    return { ...config, namespaces: joined, ...(lent && { volumesFrom: lent }) };
  }

  async #uid(id: string): Promise<ContainerUid> {
    return (await this.status(id)).uid;
  }

  /** Also of one that went with its end, as long as it is known whose it was. */
  async lastUid(id: string): Promise<string> {
    const known = this.#ports.seen.get(id);
    if (known === undefined || !isWithin(this.#caller.grant.scope, known)) return this.#uid(id);
    return id;
  }

  /** What the engine itself takes an id for; nothing when it is a prefix of several. */
  async #named(id: string): Promise<ContainerStatus | undefined> {
    return this.#engine.check(id).catch((error: unknown) => {
      if (isErrorOfKind(error, 'invalid-argument')) return undefined;
      throw error;
    });
  }

  async #sees(status: ContainerStatus): Promise<boolean> {
    const { scope } = this.#caller.grant;
    return scope === undefined || isWithin(scope, await scopedOf(this.#engine, status));
  }

  /** @throws {EngineError} `access.wholeAgent` */
  #refuseWhole(route: string): never {
    const { name: who, grant } = this.#caller;
    throw accessErrors.wholeAgent({ who, route, scope: scopeText(grant.scope) });
  }

  async #remember(status: ContainerStatus): Promise<void> {
    this.#ports.seen.add(status.uid, await scopedOf(this.#engine, status));
  }
}

type PressureArguments = Parameters<Engine['pressure']> extends [string, ...infer Rest] ? Rest : never;
