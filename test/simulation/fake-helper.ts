import type { Frame, HelperConnection, HelperPort } from '../../src/base/effects.ts';
import { FAILURE_PHASE, HELPER_ROLE, PROTOCOL_VERSION, type Step } from '../../src/model/wire.ts';
import { decodeMessage, messageName } from '../../src/model/wire-codec.ts';
import { FakeConnection } from './fake-connection.ts';
import { systemError } from './fake-disk.ts';
import { type FakeKernel, WORLD } from './fake-kernel.ts';
import { FakeMonitor } from './fake-monitor.ts';
import { servePorts } from './fake-ports.ts';
import { divideStep, runHostStep } from './fake-steps.ts';
import type { Incarnation } from './incarnation.ts';

/** The helper as one engine sees it; `connections` end when that engine is killed. */
export function fakeHelper(kernel: FakeKernel, incarnation: Incarnation, connections: Set<FakeConnection>): HelperPort {
  const open = (): FakeConnection => {
    const connection = new FakeConnection(kernel.scheduler, () => incarnation.isAlive);
    connections.add(connection);
    void connection.closed.then(() => connections.delete(connection));
    return connection;
  };
  return {
    connect: (socketPath): Promise<HelperConnection> =>
      incarnation.effect(`connect ${socketPath}`, () => {
        if (socketPath === WORLD.helperSocket) {
          if (!kernel.isForkServerAlive) throw systemError('ECONNREFUSED', socketPath);
          return greet(kernel, open());
        }
        const monitor = [...kernel.monitors].find(({ launch, isAlive }) => isAlive && launch.socketPath === socketPath);
        if (monitor === undefined || kernel.disk.get(socketPath) === undefined) throw systemError('ENOENT', socketPath);
        const connection = open();
        monitor.attach(connection);
        return connection;
      }),
    endForkServer: () =>
      incarnation.effect('end fork server', () => {
        const wasThere = kernel.isForkServerAlive;
        kernel.isForkServerAlive = false;
        return wasThere;
      }),
    startForkServer: () =>
      incarnation.effect('start fork server', () => {
        kernel.isForkServerAlive = true;
      }),
  };
}

/** A worker: it says hello and becomes what the first frame says. */
function greet(kernel: FakeKernel, connection: FakeConnection): FakeConnection {
  connection.sendMessage('hello', { version: PROTOCOL_VERSION, pid: kernel.uniqueNumber(), role: HELPER_ROLE.worker });
  const boot = kernel.readKernelFile(WORLD.bootIdFile);
  connection.peer = {
    onFrame: (frame) => {
      // What was still on its way when the host went down reaches nobody.
      if (kernel.readKernelFile(WORLD.bootIdFile) === boot) becomeWhatIsAsked(kernel, connection, frame);
    },
    onClose: () => {},
  };
  return connection;
}

function becomeWhatIsAsked(kernel: FakeKernel, connection: FakeConnection, frame: Frame): void {
  switch (messageName(frame)) {
    case 'launch':
      new FakeMonitor(kernel, decodeMessage('launch', frame), connection);
      return;
    case 'run': {
      const steps = decodeMessage('run', frame).hostSteps;
      runSteps(kernel, connection, [...steps.entries()]);
      return;
    }
    case 'tryPort': {
      const onFrame = servePorts(kernel, connection);
      connection.peer = { onFrame, onClose: () => {} };
      onFrame(frame);
      return;
    }
    default:
      throw new Error(`the fake worker knows no ${messageName(frame)}`);
  }
}

/** A worker finishes what it was asked for, whether or not anybody still waits for the answer. */
function runSteps(
  kernel: FakeKernel,
  connection: FakeConnection,
  [next, ...rest]: readonly (readonly [number, Step])[],
): void {
  if (next === undefined) {
    connection.sendMessage('done', {});
    return;
  }
  const boot = kernel.readKernelFile(WORLD.bootIdFile);
  const [index, step] = next;
  kernel.scheduler.post(`${step.op} ${String(step.values.path ?? step.values.name)}`, () => {
    if (kernel.readKernelFile(WORLD.bootIdFile) !== boot) return;
    const parts = divideStep(kernel, step);
    const [first = step, ...others] = parts;
    if (others.length > 0) {
      runPart(kernel, first);
      runSteps(kernel, connection, [next, ...rest]);
      return;
    }
    const result = runHostStep(kernel, first);
    if (result.ok) return runSteps(kernel, connection, rest);
    connection.sendMessage('failed', {
      phase: FAILURE_PHASE.host,
      step: index,
      errno: result.errno,
      detail: result.detail,
    });
  });
}

function runPart(kernel: FakeKernel, part: Step): void {
  runHostStep(kernel, part);
}
