import { expect, test } from 'vitest';
import type { ContainerJson } from './container-json.ts';
import { parseFilter, passes } from './ps-filter.ts';

const container = {
  uid: 'abcdef012345',
  name: 'web-1',
  state: 'terminated',
  config: { rootfs: { kind: 'image', reference: 'alpine' }, labels: { tier: 'front', bare: '' } },
} as unknown as ContainerJson;

test.each([
  ['name=web', true],
  ['name=db', false],
  ['label=tier', true],
  ['label=tier=front', true],
  ['label=tier=back', false],
  ['label=bare', true],
  ['label=bare=', true],
  ['label=none', false],
  ['state=terminated', true],
  ['status=exited', true],
  ['status=running', false],
  ['uid=abc', true],
  ['id=abc', true],
  ['id=bcd', false],
  ['image=alpine', true],
  ['ancestor=alp', false],
])('%s lets the container through: %s', (text, expected) => {
  expect(passes(container, parseFilter(text))).toBe(expected);
});

test.each(['colour=red', 'name=', 'name', '=x', 'state=runing', 'status=dead'])(
  '%s is refused rather than matching nothing',
  (text) => {
    expect(() => parseFilter(text)).toThrow(expect.objectContaining({ code: 'cli.badValue' }));
  },
);
