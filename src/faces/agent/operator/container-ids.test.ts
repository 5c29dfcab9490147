import { expect, test } from 'vitest';
import { completeConfig } from '../../../model/container-request.ts';
import { EngineError } from '../../../model/error.ts';
import { fakeEngine, statusOf } from '../fake-engine.fixture.ts';
import {
  check,
  containerIdSchema,
  find,
  idOfPath,
  idText,
  nestedIdSchema,
  newIdSchema,
  newNestedIdSchema,
  pathOf,
  rootOf,
} from './container-ids.ts';

const DEEP = { value: 'c', parent: { value: 'b', parent: { value: 'a' } } };
const status = (path: string) => ({
  ...statusOf(completeConfig({ rootfs: { kind: 'none' }, command: ['true'] })),
  path,
});

test('an id is text with its parents first, a path of the engine, and the other way round', () => {
  expect([idText(DEEP), pathOf(DEEP), rootOf(DEEP)]).toEqual(['a.b.c', 'a/b/c', { value: 'a' }]);
  expect(idOfPath('a/b/c')).toEqual(DEEP);
  expect(containerIdSchema.parse(DEEP)).toEqual(DEEP);
});

test.each([
  ['nothing', undefined, []],
  ['a value that leads out', { value: '..' }, ['value']],
  ['a parent with a slash', { value: 'a', parent: { value: 'b/c' } }, ['parent', 'value']],
  ['a field that nobody knows', { value: 'a', parent: { value: 'b', name: 'c' } }, ['parent']],
])('%s is no id, and the place is named', (_name, asked, path) => {
  expect(containerIdSchema.safeParse(asked).error?.issues[0]?.path).toEqual(path);
});

test('a container that got a name with a dot elsewhere has an id, and so has what lives in it', () => {
  const dotted = { value: 'web.1' };
  expect(containerIdSchema.parse(idOfPath('web.1'))).toEqual(dotted);
  expect(newIdSchema.parse({ value: 'db', parent: dotted })).toEqual({ value: 'db', parent: dotted });
});

test.each(['a.b', 'a/b', 'a b', 'a\\b', 'a\u0007b', 'a\nb', '.', '..', '', 'x'.repeat(243)])(
  'no container is launched by the id %j',
  (value) => {
    expect(newIdSchema.safeParse({ value }).error?.issues[0]?.path).toEqual(['value']);
    expect(newNestedIdSchema.safeParse({ value, parent: { value: 'web' } }).error?.issues[0]?.path).toEqual(['value']);
  },
);

test('ids are as deep as containers may be in one another, however deep the body is', () => {
  const deep = (levels: number) =>
    JSON.parse(`${'{"value":"a","parent":'.repeat(levels - 1)}{"value":"a"}${'}'.repeat(levels - 1)}`);
  expect(containerIdSchema.safeParse(deep(32)).success).toBe(true);
  for (const levels of [33, 20_000]) {
    expect(containerIdSchema.safeParse(deep(levels)).error?.issues[0]?.message).toContain('more than 32 containers');
  }
});

test('where a parent is needed one is', () => {
  expect(nestedIdSchema.parse(DEEP)).toEqual(DEEP);
  expect(nestedIdSchema.safeParse({ value: 'a' }).error?.issues[0]?.path).toEqual(['parent']);
});

test('the beginning of a uid is the id of nothing', async () => {
  const engine = fakeEngine({ check: async () => status('web') });
  expect(await check(engine, { value: 'web' })).toMatchObject({ path: 'web' });
  expect(await check(engine, { value: '01' })).toBeUndefined();
  await expect(find(engine, { value: 'a', parent: { value: '01' } })).rejects.toThrow('container 01.a is not there');
});

test('a value that several uids begin with is the id of nothing, and another failure is one', async () => {
  const failing = (code: string) =>
    fakeEngine({ check: () => Promise.reject(new EngineError({ kind: 'invalid-argument', code, message: 'no' })) });
  expect(await check(failing('engine.ambiguousId'), { value: 'a' })).toBeUndefined();
  await expect(check(failing('engine.closed'), { value: 'a' })).rejects.toThrow('no');
});
