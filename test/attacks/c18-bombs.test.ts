import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ATTACH_ROLE } from '../../src/model/wire.ts';
import { encodeLaunch } from '../../src/plan/encode.ts';
import { until } from '../kernel/support/helper-client.ts';
import { PlannedHost } from '../kernel/support/planned-host.ts';
import { Arena } from './support/arena.ts';

const MIB = 1 << 20;
const TICKET = Buffer.from('a-ticket-of-an-owner');
/** Everything here ends by itself, bound or not: the bombs are as large as a test may make them. */
const PROCESSES = 200;
const MEMORY_MIB = 96;
const DESCRIPTORS = 200;
const LOG_MIB = 8;
const OUTPUT_MIB = 192;

/** CVE-2022-31030, CVE-2022-23471 and every container that takes what it can get. */
describe.skipIf(!PlannedHost.isPossible)('C18, bombs', () => {
  let weak: Arena;
  let arena: Arena;
  beforeAll(async () => {
    weak = await Arena.open(['HELD_BACK_OUTPUT']);
    arena = await Arena.open();
  });
  afterAll(async () => {
    await weak.close();
    await arena.close();
  });

  test('of processes: as many as it likes, or as many as its limit', async () => {
    const bomb = `i=0; while [ $i -lt ${PROCESSES} ]; do sleep 60 & i=$((i+1)); done; echo all`;
    expect(await arena.attempt(bomb)).toEqual({ printed: 'all\n', waitStatus: 0 });
    const bounded = await arena.attempt(bomb, { resources: { pidsLimit: 20 } });
    expect(bounded).toMatchObject({ printed: '' });
    expect(bounded).not.toMatchObject({ waitStatus: 0 });
  });

  test('of memory: what it takes, or death at its limit, of it alone', async () => {
    const bomb = `busybox head -c ${MEMORY_MIB * MIB} /dev/zero | busybox tail | wc -c`;
    expect(await arena.attempt(bomb)).toMatchObject({ printed: `${MEMORY_MIB * MIB}\n` });
    const witness = await arena.start(['/bin/sleep', '1000']);
    const outcome = await arena.attempt(bomb, { resources: { memoryLimitBytes: 24 * MIB } });
    expect(outcome).not.toMatchObject({ printed: `${MEMORY_MIB * MIB}\n` });
    expect(existsSync(`/proc/${witness.pid}`)).toBe(true);
    process.kill(witness.pid, 'SIGKILL');
  });

  test('of descriptors: as many as it opens, or as many as its limit', async () => {
    const bomb = `i=10; while [ $i -lt ${DESCRIPTORS} ]; do eval "exec $i</dev/null"; i=$((i+1)); done; echo all`;
    expect(await arena.attempt(bomb)).toEqual({ printed: 'all\n', waitStatus: 0 });
    const process = { rlimits: { nofile: { soft: 64, hard: 64 } } } as const;
    const bounded = await arena.attempt(bomb, { process });
    expect(bounded).toMatchObject({ printed: '' });
    expect(bounded).not.toMatchObject({ waitStatus: 0 });
  });

  test('of logs: all that it prints, or as much as its log may take', async () => {
    const logOf = async (maxBytes: number): Promise<number> => {
      const log = { format: 'raw', maxBytes, maxFiles: 2 } as const;
      const command = ['/bin/sh', '-c', `busybox yes | busybox head -c ${LOG_MIB * MIB}`];
      const { plan, channel } = await arena.host.plan({ command, log });
      const encoded = encodeLaunch(plan, channel);
      await arena.attemptLaunch(encoded);
      const files = ['stdout', 'stdout.1', 'stdout.2'].map((name) => join(encoded.logDirectory, name));
      return files.filter(existsSync).reduce((sum, file) => sum + statSync(file).size, 0);
    };
    expect(await logOf(2 * LOG_MIB * MIB)).toBe(LOG_MIB * MIB);
    expect(await logOf(MIB)).toBeLessThanOrEqual(2 * MIB);
  });

  /** An owner that never reads, of a session that prints on and on. @returns the most memory of its monitor, in bytes */
  async function unreadOutput(where: Arena): Promise<number> {
    const container = await where.start(['/bin/sleep', '1000']);
    const script = `busybox yes | busybox head -c ${OUTPUT_MIB * MIB}; exec sleep 1000`;
    const session = await where.startSession(container, ['/bin/sh', '-c', script], { owned: true }, TICKET);
    const client = await where.host.helper.connectTo(session.values.socketPath);
    await client.expect('hello');
    await client.send('attach', { ticket: TICKET, role: ATTACH_ROLE.owner, stdin: 0, from: 1 });
    await until('no more is read', settling(session.monitorPid));
    const most =
      Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${session.monitorPid}/status`, 'utf8'))?.[1]) * 1024;
    process.kill(container.pid, 'SIGKILL');
    client.close();
    return most;
  }

  test('of output: a client that does not read costs what it printed, or a bounded buffer', async () => {
    expect(await unreadOutput(weak)).toBeGreaterThan((OUTPUT_MIB / 2) * MIB);
    expect(await unreadOutput(arena)).toBeLessThan(8 * MIB);
  });
});

/** Tells, look after look, whether a process has read something, and nothing more for a good while. */
function settling(pid: number): () => boolean {
  let [bytes, same] = [0, 0];
  return () => {
    const now = Number(/rchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]);
    same = now === bytes && now > 128 * 1024 ? same + 1 : 0;
    bytes = now;
    return same > 200;
  };
}
