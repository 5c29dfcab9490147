import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { isAlive } from '../support/instance-view.ts';
import { type ContainerJson, expectNumbered, IsopodHost, WRITER } from '../support/isopod-host.ts';
import { until } from './support/installation.ts';

const lacks = hasPython() ? '' : ' (lacks python3)';
/** As many as the ring of logs keeps, written faster than anybody reads. */
const BURST_LINES = 200_000;

let isopod: IsopodHost;

beforeAll(async () => {
  isopod = await IsopodHost.make();
});
afterAll(() => isopod.close());
afterEach(async () => {
  await isopod.agentPid();
  await isopod.removeAll();
  await until('nothing is left of any container', () => isopod.containerRemains().length === 0);
});

describe.skipIf(lacks !== '')(`with ten containers running${lacks}`, () => {
  test('a killed agent takes nothing with it: terminal, statuses, logs', async () => {
    const [typed, killed, retyped, end, last] = [
      isopod.flag(),
      isopod.flag(),
      isopod.flag(),
      isopod.flag(),
      isopod.flag(),
    ];
    await isopod.agentPid();
    const terminal = isopod.terminal(
      ['run', '-it', '--name', 'terminal', '--no-image', '/bin/sh'],
      [
        ['expect', '#'],
        ['send', `echo before$((40+2)); : > ${typed}\r`],
        ['expect', 'before42'],
        ['await', killed],
        ['send', `echo after$((40+2)); : > ${retyped}\r`],
        ['expect', 'after42'],
        ['await', last],
        ['send', 'echo again$((40+2)); exit 11\r'],
        ['expect', 'again42'],
      ],
    );
    const ends = [
      ['zero', 'exit 0', {}],
      ['seven', 'exit 7', {}],
      ['high', 'exit 255', {}],
      ['signalled', 'kill -TERM $$', { isolation: ['filesystem/linux'] }],
    ] as const;
    for (const [name, last, options] of ends)
      await isopod.launchScript(name, `set -- ${end}; ${WRITER}${last}`, options);
    const burst = `while [ ! -e ${killed} ]; do sleep 0.01; done; exec seq -f 'line %.0f' ${BURST_LINES}`;
    await isopod.launchScript('burst', burst);
    for (const name of ['stay-1', 'stay-2', 'stay-3', 'stay-4']) {
      await isopod.launchScript(name, `set -- ${isopod.flag()}; ${WRITER}`);
    }
    await until('the terminal has answered', () => existsSync(typed));
    const before = await isopod.list();
    expect(before.map(({ state }) => state)).toEqual(Array(10).fill('running'));
    const first = isopod.livingAgent();
    const linesBefore = (await isopod.loggedLines('stay-1')).length;

    await isopod.killAgent();
    writeFileSync(killed, '');
    writeFileSync(end, '');
    await until('the terminal has answered again', () => existsSync(retyped));
    const ended = before.filter(({ name }) => !/^stay|terminal/.test(name));
    await until('five have ended', () => ended.every(({ pid }) => !isAlive(pid ?? 0)));
    expect(isopod.livingAgent()).toBeUndefined();

    const after: readonly ContainerJson[] = JSON.parse(await isopod.expect(['ps', '-a', '--json']));
    expect(isopod.livingAgent()).not.toBe(first);
    expect(after.map(({ uid }) => uid).sort()).toEqual(before.map(({ uid }) => uid).sort());
    for (const name of ['stay-1', 'stay-2', 'stay-3', 'stay-4']) {
      const was = before.find((container) => container.name === name);
      expect(after.find((container) => container.name === name)).toMatchObject({ state: 'running', pid: was?.pid });
      expectNumbered(await isopod.loggedLines(name), linesBefore);
    }
    expect(after.find(({ name }) => name === 'terminal')).toMatchObject({ state: 'running' });
    writeFileSync(last, '');
    expect(await terminal).toMatchObject({
      code: 11,
      raw: false,
      output: expect.stringMatching(/after42[\s\S]*again42/),
    });
    const statuses = [
      ['zero', { kind: 'exited', code: 0 }],
      ['seven', { kind: 'exited', code: 7 }],
      ['high', { kind: 'exited', code: 255 }],
      ['signalled', { kind: 'signaled', signal: 15 }],
      ['burst', { kind: 'exited', code: 0 }],
      ['terminal', { kind: 'exited', code: 11 }],
    ] as const;
    for (const [name, exitStatus] of statuses) {
      const container = await isopod.api.expect('GET', `/v1/containers/${name}`);
      expect(container, name).toMatchObject({ state: 'terminated', termination: { exitStatus } });
    }
    expectNumbered(await isopod.loggedLines('burst'), BURST_LINES);
    for (const [name] of ends) expectNumbered(await isopod.loggedLines(name), 1);
    expect((await isopod.run(['wait', 'seven'])).stdout).toBe('7\n');
    expect(await isopod.expect(['stop', '-t', '0', 'stay-1'])).toBe('stay-1');
    expect(await isopod.expect(['exec', 'stay-2', '/bin/echo', 'hi'])).toBe('hi');
  }, 240_000);
});

async function requestsInProgress(): Promise<number> {
  const metrics = await isopod.expect(['debug', 'metrics']);
  return Number(/^isopod_api_requests_in_progress (\d+)$/m.exec(metrics)?.[1]);
}

describe('when the agent is killed', () => {
  test('a client that waits is answered by the next one, and one that follows a log misses nothing', async () => {
    const end = isopod.flag();
    await isopod.runDetached('waited', `set -- ${end}; ${WRITER}exit 3`);
    const waiting = isopod.run(['wait', 'waited']);
    const following = isopod.run(['logs', '-f', 'waited']);
    for (let kills = 0; kills < 2; kills += 1) {
      // That of who asks is the third.
      await until('the agent serves both', async () => (await requestsInProgress()) === 3);
      await isopod.killAgent();
      await isopod.agentPid();
    }
    writeFileSync(end, '');
    expect(await waiting).toMatchObject({ stdout: '3\n', code: 0 });
    const { stdout, stderr, code } = await following;
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
    expectNumbered(stdout.trim().split('\n'), 3);
    expect(stdout.trim().split('\n')).toEqual(await isopod.loggedLines('waited'));
  });

  test('a session goes on: its streams, its exit code', async () => {
    await isopod.runDetached('target', 'exec sleep 100');
    const child = isopod.start(['exec', '-i', 'target', '/bin/sh', '-c', 'cat; exit 12']);
    let output = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    const closed = new Promise((resolve) => child.once('close', resolve));
    child.stdin?.write('before\n');
    await until('it has echoed', () => output === 'before\n');
    await isopod.killAgent();
    child.stdin?.write('between\n');
    await until('it echoes with no agent', () => output === 'before\nbetween\n');
    await isopod.agentPid();
    child.stdin?.end('after\n');
    expect(await closed).toBe(12);
    expect(output).toBe('before\nbetween\nafter\n');
  });

  test('the next one still answers for a session by its id', async () => {
    const end = isopod.flag();
    const uid = await isopod.runDetached('target', 'exec sleep 100');
    const command = ['/bin/sh', '-c', `while [ ! -e ${end} ]; do sleep 0.02; done; exit 13`];
    const { id } = await isopod.api.expect<{ readonly id: string }>('POST', `/v1/containers/${uid}/exec`, { command });
    await isopod.killAgent();
    await isopod.agentPid();
    const waited = isopod.api.expect('GET', `/v1/sessions/${id}/wait`);
    writeFileSync(end, '');
    expect(await waited).toMatchObject({ termination: { exitStatus: { kind: 'exited', code: 13 } } });
  });

  test('commands that come at once start one agent between them', async () => {
    await isopod.agentPid();
    await isopod.killAgent();
    const uids = await Promise.all(
      [1, 2, 3, 4].map((number) => isopod.runDetached(`at-once-${number}`, 'exec sleep 100')),
    );
    expect(new Set(uids).size).toBe(4);
    expect((await isopod.list()).map(({ uid }) => uid).sort()).toEqual([...uids].sort());
    const serving = isopod.livingAgent();
    // The others have waited for the lock of one that might have been ending.
    await until('only one agent is left', () => {
      const agents = isopod.view.processes().filter(({ command }) => / agent --idle-exit /.test(command));
      return agents.length === 1 && agents[0]?.pid === serving;
    });
  });

  test('at any moment of a launch, the container is either there as a whole or not at all', async () => {
    for (let delayMs = 0; delayMs < 24; delayMs += 2) {
      await isopod.agentPid();
      const request = { name: `early-${delayMs}`, command: ['/bin/sleep', '100'], autoRemove: delayMs % 4 === 0 };
      const launching = isopod.launch(request).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      await isopod.killAgent();
      await launching;
      await isopod.agentPid();
      const known = await isopod.list();
      for (const { uid, state, pid } of known) {
        if (state === 'running') expect(isopod.view.processesOf(uid)).toContain(pid);
      }
      const strangers = (): readonly string[] =>
        isopod.containerRemains().filter((line) => !known.some(({ uid }) => line.includes(uid)));
      await until(`nothing is left of a launch cut after ${delayMs} ms`, () => strangers().length === 0).catch(() => {
        throw new Error(`left of a launch cut after ${delayMs} ms:\n${strangers().join('\n')}`);
      });
      await isopod.removeAll();
    }
  }, 240_000);
});

test('a command whose agent is killed before it has answered launches one container', async () => {
  for (let round = 0; round < 8; round += 1) {
    await isopod.agentPid();
    let isOver = false;
    const running = isopod.run(['run', '-d', '--no-image', '/bin/sleep', '100']).finally(() => {
      isOver = true;
    });
    await until('its launch has begun', () => isOver || isopod.containerRemains().length > 0);
    await isopod.killAgent();
    expect(await running).toMatchObject({ code: 0 });
    await isopod.agentPid();
    expect((await isopod.list()).map(({ state }) => state)).toEqual(['running']);
    await isopod.removeAll();
  }
}, 240_000);

test('an agent with nothing to look after ends itself, and the next command starts another', async () => {
  const first = await isopod.agentPid();
  process.kill(first, 'SIGTERM');
  await until('it has ended', () => !isAlive(first));
  const idle = isopod.start(['agent', '--idle-exit', '300ms']);
  const closed = new Promise((resolve) => idle.once('close', resolve));
  await until('it serves', () => isopod.livingAgent() !== undefined);
  const uid = await isopod.runDetached('busy', 'exec sleep 1.5');
  await isopod.wait(uid);
  isopod.api.close();
  expect(await closed).toBe(0);
  expect(await isopod.expect(['ps', '-aq'])).toBe(uid);
  expect(isopod.livingAgent()).not.toBe(idle.pid);
});

function hasPython(): boolean {
  try {
    execFileSync('python3', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
