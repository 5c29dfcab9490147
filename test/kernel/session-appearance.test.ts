import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ContainerRequest } from '../../src/model/check-request.ts';
import { completeExecConfig, type ExecRequest } from '../../src/model/container-request.ts';
import { LOG_FORMAT } from '../../src/model/wire.ts';
import { encodeLaunch } from '../../src/plan/encode.ts';
import { encodeSession } from '../../src/plan/encode-session.ts';
import { sessionAppearance } from '../../src/plan/session-appearance.ts';
import { output } from './support/launches.ts';
import { PlannedHost } from './support/planned-host.ts';

/** A filter that lets nobody fork, or do what else a session does on its way into a pid namespace. */
const STRICT = JSON.stringify({
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [{ names: ['clone', 'clone3', 'fork', 'vfork', 'setsid', 'pipe', 'pipe2'], action: 'SCMP_ACT_ERRNO' }],
});
const seccomp = { kind: 'profile', name: 'strict', content: STRICT } as const;
const FIELDS = /^(?:[UG]id|Groups|Cap\w+|NoNewPrivs|Seccomp\w*|NSsid):.*$/gm;

describe.skipIf(!PlannedHost.isPossible)('a session', () => {
  let host: PlannedHost;
  let count = 0;
  beforeAll(async () => {
    host = new PlannedHost();
    await host.start();
  });
  afterAll(() => host.stop());

  /** What a session prints, and the fields of init that it should have, too. */
  async function session(request: Partial<ContainerRequest>, exec: Omit<ExecRequest, 'container'>) {
    const { plan, channel } = await host.plan({ command: ['/bin/sleep', '60'], ...request });
    const { pid, startTime } = await host.helper.run(encodeLaunch(plan, channel));
    const encoded = encodeSession({
      plan,
      exec: completeExecConfig(plan.uid, exec),
      init: { pid, startTime },
      channel: { ...host.channel(`session-${++count}`), stateDirectory: '' },
    });
    const logDirectory = join(host.helper.directory, `session-logs-${count}`);
    mkdirSync(logDirectory);
    const log = { logFormat: LOG_FORMAT.raw, logDirectory, logMaxBytes: 1 << 20, logMaxFiles: 1 };
    const { text } = await output(host.helper, { ...encoded, ...log });
    const ofInit = readFileSync(`/proc/${pid}/status`, 'utf8').match(FIELDS);
    process.kill(pid, 'SIGKILL');
    return { text, ofInit, appearance: sessionAppearance(plan).kind };
  }
  const STATUS = ['/bin/cat', '/proc/self/status'];

  test.each([
    ['', {}, 'confined'],
    [', without no_new_privs', { noNewPrivileges: false }, 'confined'],
    [', with a filter that lets nobody fork', { seccomp }, 'unconfined'],
    [', with such a filter and without no_new_privs', { seccomp, noNewPrivileges: false }, 'unconfined'],
  ] as const)('has the user and the rights of its container%s', async (_, security, kind) => {
    const { text, ofInit, appearance } = await session({ security, user: '1000:1001' }, { command: STATUS });
    const withoutSession = (fields: readonly string[] | null) => fields?.filter((line) => !line.startsWith('NSsid'));
    expect(withoutSession(text.match(FIELDS))).toEqual(withoutSession(ofInit));
    expect(appearance).toBe(kind);
  });

  test('leads a session of processes that the container knows', async () => {
    const { text } = await session({}, { command: ['/bin/sh', '-c', 'cut -d " " -f 1,5,6 /proc/self/stat; echo $$'] });
    const [ids = '', shell] = text.trim().split('\n');
    expect(ids.split(' ').slice(1)).toEqual([shell, shell]);
  });

  test('has its terminal for the controlling one', async () => {
    const exec = { command: ['/bin/sh', '-c', 'echo through >/dev/tty'], terminal: true };
    expect((await session({}, exec)).text).toBe('through\r\n');
  });

  test('gets its limits, with hardly any descriptor among them', async () => {
    const limits = { nofile: { soft: 5, hard: 5 }, nproc: { soft: 9, hard: 9 } };
    const { text } = await session(
      { process: { rlimits: limits }, user: '1000' },
      { command: ['/bin/cat', '/proc/self/limits'] },
    );
    expect(text).toMatch(/^Max open files +5 +5 /m);
    expect(text).toMatch(/^Max processes +9 +9 /m);
  });
});
