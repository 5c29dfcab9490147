import { afterEach, beforeEach, expect, test } from 'vitest';
import { EngineError } from '../../../model/error.ts';
import { fakeDiagnostics, fakeEngine } from '../fake-engine.fixture.ts';
import { ServedAgent } from '../served-agent.fixture.ts';

let agent: ServedAgent;
beforeEach(async () => {
  agent = await ServedAgent.listen();
  agent.server.serve(fakeEngine({}));
});
afterEach(() => agent.close());

test('a request without an id is given one, and one that has an id gets it back', async () => {
  const [first, second] = [await agent.send('GET', '/v1/version'), await agent.send('GET', '/v1/version')];
  expect(first.headers['x-request-id']).toMatch(/^[0-9a-z]+-1$/);
  expect(second.headers['x-request-id']).not.toBe(first.headers['x-request-id']);
  const third = await agent.send('GET', '/v1/nowhere', { headers: { 'x-request-id': 'mine-7' } });
  expect(third.headers['x-request-id']).toBe('mine-7');
});

test('the logging level is told and set, for good or for a time', async () => {
  const path = '/v1/debug/logging-level';
  expect((await agent.send('GET', path)).json()).toEqual({ level: 'info', until: null });
  expect((await agent.send('PUT', path, { body: { level: 'warn' } })).json()).toEqual({ level: 'warn', until: null });
  const timed = (await agent.send('PUT', path, { body: { level: 'trace', durationMs: 60_000 } })).json();
  expect(timed).toEqual({ level: 'trace', until: { atMs: expect.any(Number), former: 'warn' } });
  expect(agent.log.level).toBe('trace');
  const refused = await agent.send('PUT', path, { body: { level: 'loud' } });
  expect(refused.json()).toMatchObject({ code: 'agent.badField' });
  expect((await agent.send('PUT', path, { body: { level: 'info', durationMs: 1e12 } })).status).toBe(400);
});

test('the operator API sets the level as glog counts it, and takes it back after its time', async () => {
  const set = await agent.call('SET_LOGGING_LEVEL', { level: 1, duration: { nanoseconds: 3_600_000_000_000 } });
  expect([set.status, set.text, agent.log.level]).toEqual([200, '', 'debug']);
  expect((await agent.call('GET_LOGGING_LEVEL')).json()).toEqual({
    type: 'GET_LOGGING_LEVEL',
    get_logging_level: { level: 1 },
  });
  // Another one keeps what was before the first, however soon it is over.
  await agent.call('SET_LOGGING_LEVEL', { level: 2, duration: { nanoseconds: 1_000_000 } });
  while (agent.log.level !== 'info') await new Promise((resolve) => setTimeout(resolve, 5));
  expect((await agent.call('GET_LOGGING_LEVEL')).json()).toMatchObject({ get_logging_level: { level: 0 } });
  expect((await agent.call('SET_LOGGING_LEVEL', { level: 1 })).status).toBe(400);
});

test('operations are told with what each waits for, and cancelled by id', async () => {
  const cancelled: string[] = [];
  const diagnostics = fakeDiagnostics({
    operations: () => [
      {
        ...{ id: 'op7', kind: 'launch', container: 'aabbccddeeff', subject: 'web', note: undefined, sinceMs: 5 },
        ...{ requestId: 'r1', isCancellable: true },
        steps: [{ what: 'its image', sinceMs: 6, deadlineAtMs: undefined }],
      },
    ],
    cancel: (id) => {
      if (id !== 'op7') throw new EngineError({ kind: 'not-found', code: 'engine.unknownOperation', message: 'none' });
      cancelled.push(id);
    },
  });
  agent.server.serve(fakeEngine({ diagnostics }));
  expect((await agent.send('GET', '/v1/debug/operations')).json()).toEqual([
    {
      ...{ id: 'op7', kind: 'launch', container: 'aabbccddeeff', subject: 'web', note: null, sinceMs: 5 },
      ...{ requestId: 'r1', isCancellable: true },
      steps: [{ what: 'its image', sinceMs: 6, deadlineAtMs: null }],
    },
  ]);
  expect((await agent.send('POST', '/v1/debug/operations/op7/cancel')).status).toBe(200);
  expect((await agent.send('POST', '/v1/debug/operations/op8/cancel')).status).toBe(404);
  expect(cancelled).toEqual(['op7']);
});
