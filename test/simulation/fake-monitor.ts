import { constants } from 'node:os';
import { dirname } from 'node:path';
import type { Frame } from '../../src/base/effects.ts';
import {
  FAILURE_PHASE,
  HELPER_ROLE,
  LAUNCH_KIND,
  type MessageValues,
  MONITOR_STATE,
  PROTOCOL_VERSION,
  REFUSAL,
  type Step,
} from '../../src/model/wire.ts';
import { decodeMessage, messageName } from '../../src/model/wire-codec.ts';
import type { FakeConnection } from './fake-connection.ts';
import { type FakeKernel, type FakeProcess, SIGKILL } from './fake-kernel.ts';
import { bear, runHostStep } from './fake-steps.ts';
import { noteStart } from './record-checks.ts';
import { type Behaviour, behaviourOf } from './workload.ts';

const { ECHILD, ESRCH, ENOENT } = constants.errno;

/** A monitor as docs/protocol.md describes it, for a container or a session. */
export class FakeMonitor {
  readonly uid: string;
  readonly launch: MessageValues<'launch'>;
  readonly pid: number;
  /** Of the protocol, as a client is told. */
  version = PROTOCOL_VERSION;
  readonly #kernel: FakeKernel;
  readonly #behaviour: Behaviour;
  readonly #controls = new Set<FakeConnection>();
  /** All connections, also of those that have not said yet who they are. */
  readonly #connections = new Set<FakeConnection>();
  #child: FakeProcess | undefined;
  #isAlive = true;
  #state: number = MONITOR_STATE.created;
  #isStartRequested = false;
  #isReleased = false;
  #waitStatus = 0;
  #endedAtMs = 0;

  constructor(kernel: FakeKernel, launch: MessageValues<'launch'>, control: FakeConnection) {
    this.#kernel = kernel;
    this.launch = launch;
    this.uid = launch.socketPath.slice(launch.socketPath.lastIndexOf('/') + 1);
    this.pid = kernel.uniqueNumber();
    this.#behaviour = behaviourOf(launch.childSteps);
    kernel.monitors.add(this);
    this.#serve(control);
    this.#later('monitor listens', () => this.#listen());
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get isContainer(): boolean {
    return Number(this.launch.kind) === LAUNCH_KIND.container;
  }

  get hasStarted(): boolean {
    return this.#state >= MONITOR_STATE.running;
  }

  /** A client on the monitor's own socket. */
  attach(connection: FakeConnection): void {
    this.#connections.add(connection);
    connection.sendMessage('hello', { version: this.version, pid: this.pid, role: HELPER_ROLE.monitor });
    connection.peer = { onFrame: (frame) => this.#admit(connection, frame) };
  }

  /** kill -9, or the power: no goodbye. */
  vanish(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.#kernel.monitors.delete(this);
    for (const connection of this.#connections) connection.closeFromPeer();
  }

  /** kill -9 while its fork server watches, or does not. */
  kill(): void {
    this.vanish();
    if (!this.#kernel.isForkServerAlive) return;
    this.#kernel.scheduler.post('fork server settles a lost monitor', () => {
      if (this.launch.trackingCgroup !== '') this.#kernel.killGroup(this.launch.trackingCgroup);
      this.#writeStatus(`lost 0 ${this.#kernel.scheduler.nowMs} 0\n`, false);
    });
  }

  #later(what: string, run: () => void): void {
    this.#kernel.scheduler.post(`${what} (${this.uid})`, () => {
      if (this.#isAlive) run();
    });
  }

  #serve(control: FakeConnection): void {
    this.#connections.add(control);
    this.#controls.add(control);
    control.peer = {
      onFrame: (frame) => this.#obey(control, frame),
      onSent: (frame) => noteStart(this.#kernel, this, frame),
      onClose: () => this.#lose(control),
    };
  }

  #admit(connection: FakeConnection, frame: Frame): void {
    if (!this.#isAlive) return;
    const { ticket } = decodeMessage('attach', frame);
    if (!Buffer.from(ticket).equals(Buffer.from(this.launch.controlTicket))) {
      connection.sendMessage('refused', { reason: REFUSAL.badTicket });
      connection.closeFromPeer();
      return;
    }
    this.#serve(connection);
    connection.sendMessage('attached', {
      ...{ state: this.#state, waitStatus: this.#waitStatus, terminal: 0 },
      pid: this.#child?.pid ?? 0,
      startTime: this.#child?.startTime ?? 0,
    });
    if (this.#state === MONITOR_STATE.exited) this.#tellExited(connection);
  }

  #obey(control: FakeConnection, frame: Frame): void {
    if (!this.#isAlive) return;
    switch (messageName(frame)) {
      case 'start':
        this.#isStartRequested = true;
        if (this.#state === MONITOR_STATE.prepared) this.#later('exec', () => this.#exec());
        return;
      case 'abort':
        if (this.#state < MONITOR_STATE.running) this.#giveUp();
        return;
      case 'signal':
        this.#signal(control, Number(decodeMessage('signal', frame).signal));
        return;
      case 'grant':
        control.sendMessage('done', {});
        return;
      case 'release':
        this.#isReleased = true;
        this.#leaveIfOver();
        return;
      default:
        throw new Error(`the fake monitor knows no ${messageName(frame)}`);
    }
  }

  /** Before start was sent the launch dies with its agent; afterwards the monitor goes on alone. */
  #lose(control: FakeConnection): void {
    this.#controls.delete(control);
    if (!this.#isAlive) return;
    if (this.#state < MONITOR_STATE.running && !this.#isStartRequested) this.#giveUp();
    else this.#leaveIfOver();
  }

  #giveUp(): void {
    if (this.#child !== undefined) this.#kernel.endProcess(this.#child, SIGKILL);
    this.#leave();
  }

  #leaveIfOver(): void {
    if (this.#state === MONITOR_STATE.exited && (this.#isReleased || this.#controls.size === 0)) this.#leave();
  }

  #leave(): void {
    this.#isAlive = false;
    this.#kernel.monitors.delete(this);
    if (this.#kernel.disk.get(this.launch.socketPath) !== undefined)
      this.#kernel.disk.removeFile(this.launch.socketPath);
    for (const connection of this.#connections) connection.closeFromPeer();
  }

  #listen(): void {
    const { disk } = this.#kernel;
    const { stateDirectory, logDirectory } = this.launch;
    for (const directory of [stateDirectory, dirname(logDirectory)]) {
      if (directory === '' || directory === '.' || disk.isDirectory(directory)) continue;
      this.#fail('request', { errno: ENOENT, detail: directory });
      return;
    }
    if (logDirectory !== '' && !disk.isDirectory(logDirectory)) disk.makeDirectory(logDirectory);
    disk.write(this.launch.socketPath, 'socket');
    this.#later('clone', () => this.#clone());
  }

  #clone(): void {
    const born = bear(this.#kernel, this.launch);
    if ('failed' in born) {
      this.#fail(born.failed, born);
      return;
    }
    this.#child = born;
    born.onSignal = (signal) => this.#hear(born, signal);
    born.onEnd = (waitStatus) => this.#later('reap', () => this.#reap(waitStatus));
    this.#tell('cloned', { pid: this.#child.pid, startTime: this.#child.startTime });
    this.#runSteps([...this.launch.hostSteps.entries()]);
  }

  #runSteps([next, ...rest]: (readonly [number, Step])[]): void {
    this.#later('host step', () => {
      if (next === undefined) {
        this.#becomePrepared();
        return;
      }
      const result = runHostStep(this.#kernel, next[1]);
      if (!result.ok) {
        this.#fail('host', { ...result, step: next[0] });
        return;
      }
      this.#runSteps(rest);
    });
  }

  #becomePrepared(): void {
    if (this.#state !== MONITOR_STATE.created || this.#child?.waitStatus !== undefined) return;
    this.#state = MONITOR_STATE.prepared;
    this.#tell('prepared', {});
    if (this.#isStartRequested) this.#later('exec', () => this.#exec());
  }

  #exec(): void {
    if (this.#state !== MONITOR_STATE.prepared || this.#child?.waitStatus !== undefined) return;
    if (this.#behaviour.kind === 'missing') {
      this.#fail('exec', { errno: ENOENT, detail: 'missing' });
      return;
    }
    this.#state = MONITOR_STATE.running;
    this.#tell('timings', { names: ['exec'], microseconds: Uint8Array.of(1, 0, 0, 0) });
    this.#tell('started', { atMs: this.#kernel.scheduler.nowMs });
    this.#behave(this.#child);
  }

  #behave(child: FakeProcess | undefined): void {
    const behaviour = this.#behaviour;
    if (child === undefined || behaviour.kind !== 'exits') return;
    const end = (): void => this.#kernel.endProcess(child, behaviour.code << 8);
    if (behaviour.afterMs === 0) this.#kernel.scheduler.post(`exit ${behaviour.code} (${this.uid})`, end);
    else this.#kernel.scheduler.after(behaviour.afterMs, end);
  }

  #signal(control: FakeConnection, signal: number): void {
    if (this.#child === undefined || this.#child.waitStatus !== undefined) {
      control.sendMessage('failed', { phase: FAILURE_PHASE.request, step: 0, errno: ESRCH, detail: '' });
      return;
    }
    control.sendMessage('done', {});
    this.#child.onSignal(signal);
  }

  #hear(child: FakeProcess, signal: number): void {
    if (signal === SIGKILL || this.#behaviour.kind !== 'stubborn') this.#kernel.endProcess(child, signal);
  }

  #reap(waitStatus: number): void {
    if (this.#state < MONITOR_STATE.running) {
      this.#fail('child', { errno: ECHILD, detail: 'killed while it was prepared' });
      return;
    }
    if (this.isContainer) this.#kernel.killGroup(this.launch.trackingCgroup);
    this.#waitStatus = waitStatus;
    this.#endedAtMs = this.#kernel.scheduler.nowMs;
    this.#later('status written', () => {
      this.#writeStatus(`exited ${waitStatus} ${this.#endedAtMs} 1\n`, true);
      this.#later('exited told', () => {
        this.#state = MONITOR_STATE.exited;
        for (const control of this.#controls) this.#tellExited(control);
        this.#leaveIfOver();
      });
    });
  }

  #tellExited(control: FakeConnection): void {
    control.sendMessage('exited', { waitStatus: this.#waitStatus, atMs: this.#endedAtMs, output: 1 });
  }

  #writeStatus(content: string, overwrite: boolean): void {
    const { stateDirectory } = this.launch;
    const file = `${stateDirectory}/status`;
    if (stateDirectory === '' || !this.#kernel.disk.isDirectory(stateDirectory)) return;
    if (overwrite || this.#kernel.disk.get(file) === undefined) this.#kernel.disk.write(file, content);
  }

  #fail(
    phase: keyof typeof FAILURE_PHASE,
    what: { readonly errno: number; readonly detail: string; readonly step?: number },
  ): void {
    if (this.#child !== undefined) this.#kernel.endProcess(this.#child, SIGKILL);
    this.#tell('failed', { phase: FAILURE_PHASE[phase], step: what.step ?? 0, errno: what.errno, detail: what.detail });
    this.#leave();
  }

  #tell<Name extends 'cloned' | 'prepared' | 'timings' | 'started' | 'failed'>(
    name: Name,
    values: MessageValues<Name>,
  ): void {
    for (const control of this.#controls) control.sendMessage(name, values);
  }
}
