import { expect, test } from 'vitest';
import { emptyAnswer } from './answer-schemas.ts';
import { defineRoute, findRoute, json, type Route } from './router.ts';

const route = (method: Route['method'], path: string): Route =>
  defineRoute({
    ...{ method, path, summary: 'Nothing.', deadlineMs: 'none' },
    needs: { role: 'read', of: 'nothing' },
    answer: { kind: 'json', schema: emptyAnswer },
    handle: async () => json({}),
  });
const ROUTES = [
  route('GET', '/v1/containers'),
  route('GET', '/v1/containers/:id'),
  route('DELETE', '/v1/containers/:id'),
];

test('a parameter is decoded from its segment', () => {
  expect(findRoute(ROUTES, 'GET', '/v1/containers/a%2Fb').params).toEqual({ id: 'a/b' });
});

test('an unknown path and a wrong method are told apart', () => {
  expect(() => findRoute(ROUTES, 'GET', '/v1/nothing')).toThrow(expect.objectContaining({ code: 'agent.noRoute' }));
  expect(() => findRoute(ROUTES, 'POST', '/v1/containers/x')).toThrow(
    expect.objectContaining({
      code: 'agent.wrongMethod',
      details: expect.objectContaining({ allowed: ['GET', 'DELETE'] }),
    }),
  );
});

test('the head of a text is that of its route, and no other answer is begun for its head', () => {
  const metrics = defineRoute({
    ...{ method: 'GET', path: '/metrics', summary: '', needs: { role: 'read', of: 'agent' }, deadlineMs: 1_000 },
    answer: { kind: 'text', contentType: 'text/plain', of: 'text' },
    handle: async () => ({ kind: 'text', contentType: 'text/plain', text: '' }),
  });
  const routes = [...ROUTES, metrics];
  expect(findRoute(routes, 'HEAD', '/metrics').route).toBe(metrics);
  expect(() => findRoute(routes, 'POST', '/metrics')).toThrow(
    expect.objectContaining({ details: expect.objectContaining({ allowed: ['GET', 'HEAD'] }) }),
  );
  expect(() => findRoute(routes, 'HEAD', '/v1/containers/x')).toThrow(
    expect.objectContaining({ code: 'agent.wrongMethod' }),
  );
});

test('an empty parameter matches nothing', () => {
  expect(() => findRoute(ROUTES, 'GET', '/v1/containers/')).toThrow(expect.objectContaining({ code: 'agent.noRoute' }));
});

test('a broken percent escape is refused', () => {
  expect(() => findRoute(ROUTES, 'GET', '/v1/containers/%zz')).toThrow(
    expect.objectContaining({ code: 'agent.badField' }),
  );
});
