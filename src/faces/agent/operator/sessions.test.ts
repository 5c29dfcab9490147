import { expect, test } from 'vitest';
import { nodeEffects } from '../../../base/effects/node-effects.ts';
import type { Frame, HelperConnection } from '../../../base/effects.ts';
import type { Engine } from '../../../engine/facade.ts';
import { type ContainerUid, parseContainerUid } from '../../../model/container-id.ts';
import { completeConfig } from '../../../model/container-request.ts';
import type { Termination } from '../../../model/exit-status.ts';
import { decodeMessage, encodeMessage } from '../../../model/wire-codec.ts';
import { fakeEngine, statusOf } from '../fake-engine.fixture.ts';
import { OperatorSessions } from './sessions.ts';

const END: Termination = {
  exitStatus: { kind: 'signaled', signal: 9, coreDumped: false },
  ...{ reason: 'exited', message: '', limitations: [], startedAtMs: 1, finishedAtMs: 2 },
};
const STATUS = statusOf(completeConfig({ name: 'web', rootfs: { kind: 'none' }, command: ['true'] }));
const OTHER = parseContainerUid('ba9876543210');
const call = (value: string) => ({ container_id: { value, parent: { value: 'web' } }, command: { value: 'true' } });
const id = (value: string) => call(value).container_id;

/** Sessions of a container `web`, whose uid a test may change, and whose monitors answer as it says. */
function parts({ answer = 'attached' }: { readonly answer?: 'attached' | 'nothing' } = {}) {
  const killed: string[] = [];
  const sent: Frame[] = [];
  const ends = new Map<string, (end: Termination) => void>();
  const earlier = new Map<string, Termination>();
  const state: { uid: ContainerUid; started: number } = { uid: STATUS.uid, started: 0 };
  const engine: Engine = fakeEngine({
    check: async (path) => (path === 'web' ? { ...STATUS, uid: state.uid } : undefined),
    exec: async () => ({ id: `s${++state.started}`, pid: state.started, stream: { socketPath: '/s', ticket: '00' } }),
    waitSession: (session) => new Promise((resolve) => ends.set(session, resolve)),
    signalSession: async (session) => {
      killed.push(session);
    },
    streams: {
      endOf: async (_, name) => earlier.get(name),
      forgetEnd: async (_, name) => void earlier.delete(name),
    } as Engine['streams'],
  });
  const frame: Frame = encodeMessage('attached', { state: 0, pid: 1, startTime: 0, waitStatus: 0, terminal: 0 });
  const connection: HelperConnection = {
    send: async (type, payload = new Uint8Array()) => {
      sent.push({ type, payload });
    },
    ...{ sendRaw: async () => {}, end: () => {}, close: () => {} },
    receive: async () => (answer === 'attached' ? frame : undefined),
    closed: new Promise(() => {}),
  };
  const { clock } = nodeEffects();
  const helper = { connect: async () => connection, startForkServer: async () => {}, endForkServer: async () => false };
  return { engine, state, killed, sent, ends, earlier, sessions: new OperatorSessions({ helper, clock } as never) };
}

test('a session of an id is launched once, and known after its end until it is forgotten', async () => {
  const { engine, sessions, ends } = parts();
  const opening = sessions.open(engine, call('one'));
  const opened = await opening;
  expect(opened).toMatchObject({ sessionId: 's1', pid: 1 });
  expect(await sessions.open(engine, call('one'))).toBeUndefined();
  expect(sessions.processes()).toEqual([{ id: id('one'), parent: STATUS.uid, pid: 1 }]);
  ends.get('s1')?.(END);
  await opened?.ended;
  expect(await sessions.process(engine, id('one'))).toMatchObject({ isOver: true });
  expect([sessions.processes(), await sessions.input(engine, id('one'))]).toEqual([[], undefined]);
  await expect(sessions.open(engine, call('one'))).rejects.toThrow('id web.one belongs to a session that has ended');
  sessions.forget(id('one'));
  expect(await sessions.process(engine, id('one'))).toBeUndefined();
  expect(await sessions.open(engine, call('one'))).toMatchObject({ sessionId: 's2' });
});

test('who opens a session gets what it has printed before, also when it is over by then', async () => {
  const { engine, sessions, sent } = parts();
  await sessions.open(engine, call('one'));
  const frames = sent.map((frame) => decodeMessage('attach', frame));
  expect(frames).toMatchObject([{ from: 1 }]);
});

test('of two who open one at once only one does', async () => {
  const { engine, sessions, state } = parts();
  const [first, second] = await Promise.all([sessions.open(engine, call('one')), sessions.open(engine, call('one'))]);
  expect([first?.sessionId, second, state.started]).toEqual(['s1', undefined, 1]);
});

test('a session goes with its container, also where another one has its name', async () => {
  const { engine, sessions, state } = parts();
  await sessions.open(engine, call('one'));
  state.uid = OTHER;
  expect(await sessions.has(engine, id('one'))).toBe(false);
  expect(await sessions.open(engine, call('one'))).toMatchObject({ sessionId: 's2' });
});

test('one whose streams nobody gets is ended, and its id is free', async () => {
  const { engine, sessions, killed } = parts({ answer: 'nothing' });
  await expect(sessions.open(engine, call('one'))).rejects.toMatchObject({ code: 'operator.attachRefused' });
  expect(killed).toEqual(['s1']);
  expect(await sessions.has(engine, id('one'))).toBe(false);
});

test('a session in a container that is not there is told so', async () => {
  const { engine, sessions } = parts();
  const nowhere = { container_id: { value: 'one', parent: { value: 'db' } }, command: { value: 'true' } };
  await expect(sessions.open(engine, nowhere)).rejects.toMatchObject({ kind: 'not-found' });
});

test('thousands that have ended make room for others, and thousands that have not do not', async () => {
  const { engine, sessions, ends } = parts();
  for (let count = 0; count < 4096; count++) await sessions.open(engine, call(`n${count}`));
  await expect(sessions.open(engine, call('more'))).rejects.toMatchObject({ kind: 'resource-exhausted' });
  const first = await sessions.process(engine, id('n0'));
  ends.get('s1')?.(END);
  await first?.ended;
  await sessions.open(engine, call('more'));
  expect([await sessions.has(engine, id('n0')), await sessions.has(engine, id('n1'))]).toEqual([false, true]);
});

test('one that an agent before this one has started is known by its end, and has its id until it is removed', async () => {
  const { engine, sessions, earlier } = parts();
  earlier.set('one', END);
  expect(await sessions.endOf(engine, id('one'))).toEqual(END);
  expect(await sessions.has(engine, id('one'))).toBe(true);
  await expect(sessions.open(engine, call('one'))).rejects.toMatchObject({ code: 'operator.idTaken' });
  await sessions.forgetEnd(engine, id('one'));
  expect(await sessions.has(engine, id('one'))).toBe(false);
  expect(await sessions.open(engine, call('one'))).toMatchObject({ sessionId: 's1' });
});
