import { expect, test } from 'vitest';
import type { ContainerRequest } from '../model/check-request.ts';
import { parseContainerUid } from '../model/container-id.ts';
import { completeConfig } from '../model/container-request.ts';
import { Container } from './container.ts';
import { checkReachable, withParentDefaults } from './nested.ts';
import { containerPaths, enginePaths } from './paths.ts';
import { Registry } from './registry.ts';

const PERMITTED = ['network/container', 'namespaces/time', 'namespaces/uts'];
const paths = enginePaths('/r', '/s');

function config(request: Partial<ContainerRequest> = {}) {
  return completeConfig({ rootfs: { kind: 'image', reference: 'debian' }, name: 'web', ...request });
}

function container(digit: string, name: string, parent?: Container): Container {
  const uid = parseContainerUid(digit.repeat(12));
  const made = new Container({
    uid,
    config: config({ name }),
    createdAtMs: 1,
    paths: containerPaths(paths, uid),
    parent,
  });
  made.resume('running');
  return made;
}

test('a nested container has network and host name of its parent unless it says otherwise', () => {
  const parent = container('a', 'web');
  expect(withParentDefaults(config({ parent: 'web' }), parent, PERMITTED)).toMatchObject({
    ...{ parent: parent.uid, network: 'container' },
    namespaces: { networkOf: parent.uid, uts: { kind: 'parent' } },
  });
  const own = withParentDefaults(config({ parent: 'web', network: 'none', hostname: 'db' }), parent, PERMITTED);
  expect(own).toMatchObject({ network: 'none', namespaces: {} });
});

test('a nested container lives in the user namespace of its parent, and by its clocks', () => {
  const time = { monotonicNs: 1, boottimeNs: 2 };
  const parent = {
    uid: container('a', 'web').uid,
    config: config({ namespaces: { user: { kind: 'auto', count: 9 }, time } }),
  };
  expect(withParentDefaults(config({ parent: 'web' }), parent, PERMITTED).namespaces).toMatchObject({
    ...{ user: { kind: 'parent' }, time },
  });
});

test('what no permitted isolator could do is not asked for', () => {
  const asked = withParentDefaults(
    config({ parent: 'web', isolation: ['namespaces/pid'] }),
    container('a', 'web'),
    PERMITTED,
  );
  expect(asked.network).toBeUndefined();
});

test('names are unique among the containers of one parent, and a path finds them', () => {
  const registry = new Registry();
  const web = container('a', 'web');
  const db = container('b', 'db', web);
  const inner = container('c', 'web', db);
  for (const one of [web, db, inner]) registry.add(one);
  expect(() => registry.add(container('d', 'db', web))).toThrow('name "db" belongs to container bbbbbbbbbbbb');
  registry.add(container('e', 'db'));
  expect([registry.find('db')?.uid, registry.find('web/db')?.uid]).toEqual(['e'.repeat(12), db.uid]);
  expect(registry.find('web/db/web')).toBe(inner);
  expect(registry.find('aaaa/db')).toBe(db);
  expect(registry.find('web/nobody')).toBeUndefined();
  expect([inner.path, inner.depth]).toEqual(['web/db/web', 3]);
  expect(web.descendants()).toEqual([inner, db]);
  registry.delete(db);
  expect(registry.find('web/db')).toBeUndefined();
});

test('what lives in a paused container stands still with it, and nothing reaches it', () => {
  const web = container('a', 'web');
  const db = container('b', 'db', web);
  expect(() => checkReachable(db, 'stop')).not.toThrow();
  web.advance('paused');
  expect([db.state, db.isPausedItself]).toEqual(['paused', false]);
  expect(() => checkReachable(db, 'stop')).toThrow('stands still with web');
});
