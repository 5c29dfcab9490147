import { afterEach, beforeEach, expect, test } from 'vitest';
import { memoryFiles } from '../../base/memory-files.fixture.ts';
import type { ContainerStatus, Engine } from '../../engine/facade.ts';
import { parseContainerUid } from '../../model/container-id.ts';
import { completeConfig } from '../../model/container-request.ts';
import { EngineError } from '../../model/error.ts';
import { fakeEngine, statusOf } from './fake-engine.fixture.ts';
import { testJournal } from './request-journal.fixture.ts';
import { type Answer, ServedAgent } from './served-agent.fixture.ts';

const UID = parseContainerUid('0123456789ab');
const SIGUSR1 = 10;
const SIGKILL = 9;
const HOUR_MS = 3_600_000;
const status = statusOf(completeConfig({ name: 'web', rootfs: { kind: 'none' }, command: ['true'] }));
const WEB: ContainerStatus = { ...status, uid: UID, state: 'running', startedAtMs: Date.now() - HOUR_MS };
const ENDED: ContainerStatus = {
  ...WEB,
  state: 'terminated',
  termination: {
    ...{ reason: 'signaled', message: '', limitations: [] },
    finishedAtMs: 2,
    outputComplete: true,
  } as never,
};
const OTHER: ContainerStatus = { ...WEB, uid: parseContainerUid('ffffffffffff') };

let files: ReturnType<typeof memoryFiles>;
let agents: ServedAgent[];
/** What engines were asked for, by call and words. */
let done: (readonly unknown[])[];

beforeEach(() => {
  [files, agents, done] = [memoryFiles({}), [], []];
});
afterEach(async () => {
  for (const agent of agents) await agent.close();
});

/** The next agent on the same files, which finds this container, if any. @param work what becomes of a change */
async function agentWith(found: ContainerStatus | undefined, work: () => Promise<unknown>): Promise<ServedAgent> {
  const agent = await ServedAgent.listen({ journal: testJournal({ files }) });
  agents.push(agent);
  const note =
    (call: string) =>
    (...words: readonly unknown[]) => {
      done.push([call, ...words]);
      return work();
    };
  const check = async (id: string) => (id === found?.uid || id === found?.config.name ? found : undefined);
  const names = ['kill', 'pause', 'unpause', 'remove', 'update', 'signalSession', 'stop', 'wait'] as const;
  const changes = Object.fromEntries(names.map((name) => [name, note(name)])) as Partial<Engine>;
  const lives = { start: note('start'), restart: note('restart'), waitFor: note('waitFor') } as never;
  agent.server.serve(fakeEngine({ check, ...changes, lives }));
  return agent;
}

type Request = readonly [method: string, path: string, body?: unknown];
const ask = (agent: ServedAgent, [method, path, body]: Request): Promise<Answer> => {
  const headers = { 'idempotency-key': 'k', ...(body !== undefined && { 'content-type': 'application/json' }) };
  return agent.send(method, path, { headers, body });
};
const never = (): Promise<never> => new Promise(() => {});

/** Asks an agent that is killed once its engine has been asked, and then the one after it. */
async function askedAgain(
  request: Request,
  found: ContainerStatus | undefined,
  work = async (): Promise<unknown> => WEB,
) {
  const first = await agentWith(WEB, never);
  void ask(first, request).catch(() => {});
  await expect.poll(() => done.length).toBe(1);
  const next = await agentWith(found, work);
  done = [];
  return ask(next, request);
}

const kill = (signal: number): Request => ['POST', '/v1/containers/web/kill', { signal }];

test('a signal that an agent has died over is not sent again, and nobody is told that it was', async () => {
  const { status: code, json } = await askedAgain(kill(SIGUSR1), WEB);
  expect([code, json()]).toMatchObject([412, { code: 'agent.signalUncertain', details: { id: UID, signal: SIGUSR1 } }]);
  expect(done).toEqual([]);
});

test('a signal that was sent and acknowledged is not sent again by the next agent', async () => {
  const first = await agentWith(WEB, async () => {});
  await ask(first, kill(SIGUSR1));
  const next = await agentWith(WEB, async () => {});
  expect(await ask(next, kill(SIGUSR1))).toMatchObject({ status: 200, text: '{}' });
  expect(done).toEqual([['kill', 'web', SIGUSR1, { all: false }]]);
});

test.each([
  ['runs on', WEB, [['kill', UID, SIGKILL, { all: false }]]],
  ['has ended', ENDED, []],
  ['is gone', undefined, []],
  ['has begun another life', { ...WEB, startedAtMs: Date.now() + HOUR_MS }, []],
])('SIGKILL to one that %s is repeated without harm', async (_, found, wanted) => {
  expect(await askedAgain(kill(SIGKILL), found)).toMatchObject({ status: 200 });
  expect(done).toEqual(wanted);
});

test('a signal to a session that an agent has died over is not sent again, but for SIGKILL', async () => {
  const signal = (number: number): Request => ['POST', '/v1/sessions/abc/signal', { signal: number }];
  expect(await askedAgain(signal(SIGUSR1), WEB)).toMatchObject({ status: 412 });
  expect(done).toEqual([]);
});

test('a session that SIGKILL has ended needs no second one', async () => {
  const gone = async (): Promise<never> => {
    throw new EngineError({ kind: 'not-found', code: 'engine.unknownSession', message: 'gone' });
  };
  expect(await askedAgain(['POST', '/v1/sessions/abc/signal', { signal: SIGKILL }], WEB, gone)).toMatchObject({
    status: 200,
  });
});

test.each([
  ['is gone', undefined, []],
  ['has given its name to another', OTHER, []],
  ['is there still', ENDED, [['remove', UID, { force: true, volumes: false }]]],
])('a removal of one that %s is repeated without harm', async (_, found, wanted) => {
  expect(await askedAgain(['DELETE', '/v1/containers/web?force=true'], found)).toMatchObject({ status: 200 });
  expect(done).toEqual(wanted);
});

test('a stop of one that went with its end is answered with that end', async () => {
  const termination = { ...{ reason: 'killed', message: 'killed', limitations: [] }, finishedAtMs: 2 };
  const end = { ...termination, exitStatus: { kind: 'signaled', signal: 9, coreDumped: false } } as never;
  const answer = await askedAgain(['POST', '/v1/containers/web/stop', { graceMs: 0 }], undefined, async () => end);
  expect([answer.status, answer.json()]).toMatchObject([200, { termination: { reason: 'killed' } }]);
  expect(done).toEqual([['wait', UID]]);
});

test.each([
  ['pause', 'paused', []],
  ['pause', 'running', [['pause', UID]]],
  ['unpause', 'running', []],
  ['unpause', 'paused', [['unpause', UID]]],
] as const)('%s of one that is %s is repeated without harm', async (call, state, wanted) => {
  expect(await askedAgain(['POST', `/v1/containers/web/${call}`], { ...WEB, state })).toMatchObject({ status: 200 });
  expect(done).toEqual(wanted);
});

test.each([
  ['update', { resources: { memoryLimitBytes: 1 << 26 } }, async () => WEB],
  ['restart', {}, async () => ({ status: WEB, stream: undefined })],
  ['start', {}, async () => ({ status: WEB, stream: undefined })],
] as const)('%s that is repeated is about the same container, with the same key', async (call, body, work) => {
  expect(await askedAgain(['POST', `/v1/containers/web/${call}`, body], WEB, work)).toMatchObject({ status: 200 });
  expect(done).toEqual([[call, UID, ...(done[0] ?? []).slice(2)]]);
  expect(done.flat()).toContainEqual(expect.objectContaining({ requestKey: '["the socket","k"]' }));
});

test('the operator API sends no signal again that an agent has died over', async () => {
  const body = { type: 'KILL_CONTAINER', kill_container: { container_id: { value: 'web' }, signal: SIGUSR1 } };
  expect(await askedAgain(['POST', '/api/v1', body], WEB)).toMatchObject({ status: 500 });
  expect(done).toEqual([]);
});
