import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerRequest } from '../../../src/model/check-request.ts';
import { completeExecConfig, type ExecRequest } from '../../../src/model/container-request.ts';
import type { LaunchPlan } from '../../../src/model/launch-plan.ts';
import { FAILURE_PHASE, LOG_FORMAT, type MessageValues } from '../../../src/model/wire.ts';
import { describeFailure } from '../../../src/plan/describe-failure.ts';
import { type EncodedLaunch, encodeLaunch } from '../../../src/plan/encode.ts';
import { encodeSession } from '../../../src/plan/encode-session.ts';
import { HELPER_BINARY, isAlive, until } from '../../kernel/support/helper-client.ts';
import { logged } from '../../kernel/support/launches.ts';
import { makeImage, PlannedHost } from '../../kernel/support/planned-host.ts';
import { type Defence, type WeakenedHelper, weakenedHelper } from './weakened-helper.ts';

/** What became of an attempt: what the command printed and its wait status, or the code of the error that refused it. */
export type Outcome =
  | { readonly printed: string; readonly waitStatus: number }
  | { readonly refused: string; readonly message: string };

export interface Running {
  readonly plan: LaunchPlan;
  readonly pid: number;
  readonly startTime: bigint;
  readonly values: MessageValues<'launch'>;
  readonly monitorPid: number;
  /** Sends a signal by way of the monitor. */
  signal(number: number): Promise<void>;
  /** Waits for the end. @returns the wait status */
  ended(): Promise<number>;
}

export interface ArenaOptions {
  /** A descriptor that whoever starts the helper has left open for it, under several numbers. */
  readonly leaked?: number;
  /** Words before the command of the helper, for a program that starts it. */
  readonly before?: readonly string[];
}

/** The child of a launch takes number 3 for itself. */
const LEAKS = 7;

/** Where attacks are tried: launches of real plans by the shipped helper, or by one without some of its defences. */
export class Arena {
  readonly host = new PlannedHost();
  readonly #weakened: WeakenedHelper | undefined;
  #count = 0;

  private constructor(weakened: WeakenedHelper | undefined) {
    this.#weakened = weakened;
  }

  static async open(without: readonly Defence[] = [], { leaked, before = [] }: ArenaOptions = {}): Promise<Arena> {
    const arena = new Arena(without.length === 0 ? undefined : weakenedHelper(...without));
    await arena.host.start([...before, arena.binary], leaked === undefined ? [] : Array(LEAKS).fill(leaked));
    return arena;
  }

  /** The program that serves here. */
  get binary(): string {
    return this.#weakened?.binary ?? HELPER_BINARY;
  }

  async close(): Promise<void> {
    await this.host.stop();
    this.#weakened?.dispose();
  }

  /** A fresh directory of the host for this arena. */
  directory(): string {
    const path = join(this.host.helper.directory, `made-${++this.#count}`);
    mkdirSync(path);
    return path;
  }

  /** A root file system of busybox that an attacker then changes. */
  rootfs(change: (directory: string) => void = () => {}): { readonly kind: 'directory'; readonly path: string } {
    const path = this.directory();
    makeImage(path);
    change(path);
    return { kind: 'directory', path };
  }

  /** Runs a line of the shell in a container to its end, or tells what refused it. */
  async attempt(script: string, request: Partial<ContainerRequest> = {}): Promise<Outcome> {
    const { plan, channel } = await this.host.plan({ command: ['/bin/sh', '-c', script], ...request });
    return this.attemptLaunch(encodeLaunch(plan, channel));
  }

  async attemptLaunch(encoded: EncodedLaunch): Promise<Outcome> {
    const connection = await this.host.helper.connect();
    // The next launch of this plan has the same group and socket, which are the monitor's until it is gone.
    const monitorGone = () => until('the monitor is gone', () => !isAlive(connection.workerPid));
    await connection.send('launch', encoded);
    for (let frame = await connection.receive(); frame !== undefined; frame = await connection.receive()) {
      // Not earlier: to one that has failed meanwhile nothing can be sent, and what it said is lost with that.
      if (frame.name === 'prepared') await connection.send('start', {});
      if (frame.name === 'failed') {
        await monitorGone();
        return refusal(encoded, frame.values as MessageValues<'failed'>);
      }
      if (frame.name !== 'exited') continue;
      const { waitStatus } = frame.values as MessageValues<'exited'>;
      await connection.send('release', {});
      await monitorGone();
      return { printed: logged(encoded), waitStatus: Number(waitStatus) };
    }
    throw new Error('the monitor has gone without a word');
  }

  /** Starts a container. */
  async start(command: readonly string[], request: Partial<ContainerRequest> = {}): Promise<Running> {
    const { plan, channel } = await this.host.plan({ command, ...request });
    return this.#run(plan, encodeLaunch(plan, channel));
  }

  /** Starts a session in a container, its output logged as that of a container; its owner, if any, has the ticket. */
  async startSession(
    container: Running,
    command: readonly string[],
    exec: Partial<ExecRequest> = {},
    ownerTicket: Uint8Array = new Uint8Array(0),
  ): Promise<Running> {
    return this.#run(container.plan, { ...this.session(container, { command, ...exec }), ownerTicket });
  }

  /** The same for {@link attempt} in a session. */
  attemptSession(container: Running, command: readonly string[], exec: Partial<ExecRequest> = {}): Promise<Outcome> {
    return this.attemptLaunch(this.session(container, { command, ...exec }));
  }

  /** What a session is launched with. */
  session({ plan, pid, startTime }: Running, request: ExecRequest): EncodedLaunch {
    const exec = completeExecConfig(plan.uid, request);
    const channel = { ...this.host.channel(`session-${++this.#count}`), stateDirectory: '' };
    const session = encodeSession({ plan, exec, init: { pid, startTime }, channel });
    const log = { logFormat: LOG_FORMAT.raw, logDirectory: this.directory(), logMaxBytes: 1 << 20, logMaxFiles: 1 };
    return { ...session, ...log };
  }

  async #run(plan: LaunchPlan, encoded: EncodedLaunch): Promise<Running> {
    const { connection, pid, startTime, values } = await this.host.helper.run(encoded);
    const ended = async () => Number((await connection.expect('exited')).waitStatus);
    const signal = async (number: number): Promise<void> => {
      await connection.send('signal', { signal: number });
      await connection.expect('done');
    };
    return { plan, pid, startTime, values, monitorPid: connection.workerPid, signal, ended };
  }
}

function refusal(encoded: EncodedLaunch, { phase, step, errno, detail }: MessageValues<'failed'>): Outcome {
  const name = Object.entries(FAILURE_PHASE).find(([, number]) => number === Number(phase))?.[0];
  const failure = { phase: name as 'child', stepIndex: Number(step), errno: Number(errno), detail };
  const { code, message } = describeFailure(encoded, failure);
  return { refused: code, message };
}
