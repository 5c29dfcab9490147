import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LOG_FORMAT, type MessageValues } from '../../../src/model/wire.ts';
import { isAlive, type TestHelper, until } from './helper-client.ts';

/** Changes to launch values that make the monitor log to `stdout` and `stderr` in the log directory. */
export const RAW_LOG = { logFormat: LOG_FORMAT.raw } as const;

/** What the process has printed so far; needs {@link RAW_LOG}. */
export function logged(values: MessageValues<'launch'>): string {
  return readFileSync(join(values.logDirectory, 'stdout'), 'utf8');
}

/** Runs a command to its end and returns what it printed and how it ended; needs {@link RAW_LOG}. */
export async function output(helper: TestHelper, values: MessageValues<'launch'>): Promise<Output> {
  const launch = await helper.run(values);
  const { waitStatus } = await launch.connection.expect('exited');
  return { text: logged(values), waitStatus: Number(waitStatus) };
}

interface Output {
  readonly text: string;
  readonly waitStatus: number;
}

/** How a launch failed, and the frames that came before it did. */
export interface LaunchEnd {
  readonly frames: readonly string[];
  readonly phase: number;
  readonly step: number;
  readonly errno: number;
  readonly detail: string;
}

/** Launches what must fail, opens the start barrier if it gets so far, and waits until the monitor is gone. */
export async function failure(helper: TestHelper, values: MessageValues<'launch'>): Promise<LaunchEnd> {
  const connection = await helper.connect();
  await connection.send('launch', values);
  const frames: string[] = [];
  for (;;) {
    const frame = await connection.receive();
    if (frame === undefined) throw new Error(`no failure after ${frames.join(' ')}`);
    if (frame.name === 'prepared') await connection.send('start', {});
    if (frame.name !== 'failed') {
      frames.push(frame.name);
      continue;
    }
    const { phase, step: index, errno, detail } = frame.values as MessageValues<'failed'>;
    await until('the monitor is gone', () => !isAlive(connection.workerPid));
    return { frames, phase: Number(phase), step: Number(index), errno: Number(errno), detail };
  }
}
