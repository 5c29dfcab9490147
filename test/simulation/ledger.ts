import type { ContainerStatus } from '../../src/engine/facade.ts';
import { EngineError } from '../../src/model/error.ts';
import { type ExitStatus, exitStatusOf, type Termination } from '../../src/model/exit-status.ts';
import type { RestartPolicy } from '../../src/model/restart-policy.ts';
import type { FakeKernel } from './fake-kernel.ts';

/** What a caller was told about one container. */
interface Acknowledged {
  readonly uid: string;
  readonly name: string;
  readonly parent: string | undefined;
  readonly autoRemove: boolean;
  isRemovalAcknowledged: boolean;
  readonly restart: RestartPolicy['kind'] | undefined;
  /** A stop was answered, and the host has not been started since. */
  /** Somebody wanted it to be started again. */
  isStartAsked: boolean;
  isStopAcknowledged: boolean;
  /** The host went down after its launch was acknowledged. */
  sawPowerCut: boolean;
}

/** Memory limits that an update asks for: these are taken, */
export const LIMITS = [16 << 20, 32 << 20, null] as const;
/** and these never are: less than is in use, and what the kernel refuses after it has taken the half of it. */
export const REFUSED_LIMITS = [4 << 20, (16 << 20) + 1, (32 << 20) + 1] as const;

/** The memory limits that a container may have, as far as callers were told. */
interface Limits {
  readonly possible: Set<number | null>;
  /** Updates that were asked for and not answered, */
  asked: number;
  /** and whether one began before another was answered: then nobody knows which came last. */
  isMixed: boolean;
}

/** Kinds of errors that an operation may meet when others act on the same container, or parts are killed. */
const EXPECTED_KINDS = [
  'not-found',
  'already-exists',
  'failed-precondition',
  'cancelled',
  'unavailable',
  'deadline-exceeded',
];

/** Remembers what callers were told, across all lives of the engine, and checks it against the kernel's truth. */
export class Ledger {
  readonly waiters: Promise<void>[] = [];
  readonly #kernel: FakeKernel;
  readonly #known = new Map<string, Acknowledged>();
  readonly #lostMonitors = new Set<string>();
  readonly #removalAsked = new Set<string>();
  readonly #limits = new Map<string, Limits>();

  constructor(kernel: FakeKernel) {
    this.#kernel = kernel;
  }

  launched(status: ContainerStatus): void {
    const { uid, parent } = status;
    const { name, autoRemove, health } = status.config;
    const restart = status.config.restart?.kind ?? (health?.onFailure === 'restart' ? 'on-failure' : undefined);
    const flags = { isStartAsked: false, isRemovalAcknowledged: false, isStopAcknowledged: false, sawPowerCut: false };
    if (this.#known.has(uid)) return;
    // A repeated create finds what an engine that died during its launch has left: nobody knows how far that came.
    if (status.termination?.exitStatus.kind === 'lost') this.#lostMonitors.add(uid);
    this.#known.set(uid, { uid, name, parent, autoRemove, restart, ...flags });
  }

  /** From here on a stop that was answered before says nothing any more. */
  startAsked(uid: string): void {
    const known = this.#known.get(uid);
    if (known !== undefined) Object.assign(known, { isStopAcknowledged: false, isStartAsked: true });
  }

  stopAcknowledged(uid: string): void {
    const known = this.#known.get(uid);
    if (known !== undefined) known.isStopAcknowledged = true;
  }

  /** Also of one whose launch another caller has not heard of yet. */
  removalAsked(uid: string): void {
    this.#removalAsked.add(uid);
  }

  removalAcknowledged(uid: string): void {
    const known = this.#known.get(uid);
    if (known === undefined) return;
    known.isRemovalAcknowledged = true;
    for (const { uid: child, parent } of this.#known.values()) if (parent === uid) this.removalAcknowledged(child);
  }

  /** @returns what notes the answer: the limit that the container has after it; `undefined` for a refusal */
  updateAsked(uid: string, limit: number | null): (told: number | null | undefined) => void {
    const limits = this.#limitsOf(uid);
    const wasPossible = limits.possible.has(limit);
    limits.possible.add(limit);
    limits.isMixed = limits.asked > 0;
    limits.asked += 1;
    return (told) => {
      const isAlone = !limits.isMixed;
      limits.asked -= 1;
      if (limits.asked === 0) limits.isMixed = false;
      if (told !== undefined && isRefused(limit)) throw new Error(`the limit ${limit} was taken`);
      if (!isAlone) return;
      if (told === undefined) {
        if (!wasPossible) limits.possible.delete(limit);
        return;
      }
      if (told !== limit) throw new Error(`asked for the limit ${limit}, told ${told}`);
      limits.possible.clear();
      limits.possible.add(limit);
    };
  }

  /** Its engine is dead: what was asked of it may have happened or not. */
  engineKilled(): void {
    for (const limits of this.#limits.values()) Object.assign(limits, { asked: 0, isMixed: false });
    // It may have been about to start one of these again: nobody knows how far that came.
    for (const { uid, restart, isStartAsked } of this.#known.values()) {
      if (restart !== undefined || isStartAsked) this.#lostMonitors.add(uid);
    }
  }

  monitorKilled(uid: string): void {
    this.#lostMonitors.add(uid);
  }

  powerCut(): void {
    for (const known of this.#known.values()) {
      known.sawPowerCut = true;
      if (known.restart === 'always') known.isStopAcknowledged = false;
    }
  }

  /** A caller heard this end of this container. */
  ended(uid: string, termination: Termination): void {
    if (termination.reason === 'launch-failed') return;
    this.#checkExitStatus(uid, termination.exitStatus);
  }

  /** An operation failed: only in ways that the facade documents. */
  failed(what: string, error: unknown): void {
    if (error instanceof EngineError && EXPECTED_KINDS.includes(error.kind)) return;
    throw new Error(`${what} failed with something else than a documented error`, { cause: error });
  }

  /** What an engine lists must be what callers were told. */
  checkList(list: readonly ContainerStatus[]): void {
    const uids = new Set(list.map(({ uid }) => uid as string));
    const names = new Set(list.map(({ path }) => path));
    if (uids.size !== list.length || names.size !== list.length) throw new Error(`uids or names are not unique`);
    for (const status of list) {
      const { termination, uid, parent } = status;
      this.#checkLimit(status);
      this.#checkRestart(status);
      const known = this.#known.get(uid);
      if (known !== undefined && known.parent !== parent) {
        throw new Error(`container ${uid} lives in ${parent}, told was ${known.parent}`);
      }
      if (termination !== undefined && termination.reason !== 'launch-failed') {
        this.#checkExitStatus(status.uid, termination.exitStatus);
      }
    }
    for (const known of this.#known.values()) this.#checkKnown(known, uids.has(known.uid));
  }

  #limitsOf(uid: string): Limits {
    const limits = this.#limits.get(uid) ?? { possible: new Set([null]), asked: 0, isMixed: false };
    this.#limits.set(uid, limits);
    return limits;
  }

  #checkLimit({ uid, config }: ContainerStatus): void {
    const limit = config.resources.memoryLimitBytes ?? null;
    if (isRefused(limit) || !this.#limitsOf(uid).possible.has(limit)) {
      throw new Error(`container ${uid} has the memory limit ${limit}, and nobody was told so`);
    }
  }

  #checkRestart({ uid, state, restart, termination }: ContainerStatus): void {
    const isAlive = state === 'running' || state === 'paused';
    if (isAlive && this.#known.get(uid)?.isStopAcknowledged === true) {
      throw new Error(`container ${uid} was stopped, and is ${state}`);
    }
    const isEndless = restart.policy.kind === 'always' || restart.policy.kind === 'unless-stopped';
    if (isEndless && !restart.isStopped && termination !== undefined && restart.nextAttemptAtMs === undefined) {
      throw new Error(`container ${uid} is ${restart.policy.kind}, has ended, and is not started again`);
    }
  }

  #checkKnown(known: Acknowledged, isListed: boolean): void {
    if (isListed) {
      // The directory entry of a record is not synced when it goes: a power cut may bring it back.
      if (known.isRemovalAcknowledged && !known.sawPowerCut)
        throw new Error(`removed container ${known.uid} is listed`);
      return;
    }
    if (this.#mayBeGone(known.uid)) return;
    throw new Error(`acknowledged container ${known.uid} (${known.name}) is not listed`);
  }

  /** What lives in a container that is removed goes first. */
  #mayBeGone(uid: string): boolean {
    const known = this.#known.get(uid);
    if (known === undefined || this.#removalAsked.has(uid)) return true; // from then on it may be there or not
    const hasEnded = this.#kernel.truth.has(uid) || this.#lostMonitors.has(uid) || known.sawPowerCut;
    return (known.autoRemove && hasEnded) || (known.parent !== undefined && this.#mayBeGone(known.parent));
  }

  #checkExitStatus(uid: string, told: ExitStatus): void {
    if (told.kind === 'lost') {
      const known = this.#known.get(uid);
      const isLegal = this.#lostMonitors.has(uid) || known === undefined || known.sawPowerCut;
      if (!isLegal) throw new Error(`container ${uid} is told as lost, and nothing of it was`);
      return;
    }
    const truths = this.#kernel.truth.get(uid)?.map((waitStatus) => JSON.stringify(exitStatusOf(waitStatus)));
    if (truths === undefined) throw new Error(`container ${uid} has not ended, and ${JSON.stringify(told)} is told`);
    if (!truths.includes(JSON.stringify(told))) {
      throw new Error(`container ${uid} ended with ${truths.join(', ')}, told is ${JSON.stringify(told)}`);
    }
  }
}

function isRefused(limit: number | null): boolean {
  return (REFUSED_LIMITS as readonly (number | null)[]).includes(limit);
}
