import { expect, test } from 'vitest';
import { parseGrantRule, parseScope, roleReaches, scopeText } from './access.ts';

test('a grant says who, which role, and where it ends', () => {
  expect(parseGrantRule('user:1000=operate')).toEqual({
    to: { kind: 'user', name: '1000' },
    grant: { role: 'operate' },
  });
  expect(parseGrantRule('certificate:ci runner=read,label=team=a,label=tier=x=y')).toEqual({
    to: { kind: 'certificate', name: 'ci runner' },
    grant: { role: 'read', scope: { labels: { team: 'a', tier: 'x=y' } } },
  });
});

test.each([
  ['operate', 'malformedGrant'],
  ['user:=operate', 'malformedGrant'],
  ['host:a=operate', 'malformedGrant'],
  ['user:a=', 'unknownRole'],
  ['user:a=root', 'unknownRole'],
  ['user:a=read,', 'malformedScope'],
  ['user:a=read,label=team', 'malformedScope'],
  ['user:a=read,label==a', 'malformedScope'],
  ['user:a=read,label=team=a,label=team=b', 'scopeTwice'],
])('a grant %s is refused as %s', (text, code) => {
  expect(() => parseGrantRule(text)).toThrow(expect.objectContaining({ code: `access.${code}` }));
});

test('a label of any name is a label of the scope, and nothing else', () => {
  const scope = parseScope(['label=__proto__=a']);
  expect(Object.entries(scope?.labels ?? {})).toEqual([['__proto__', 'a']]);
  expect(scopeText(scope)).toBe('label=__proto__=a');
});

test('a role may do what the one below it may, and no scope is everything', () => {
  expect(roleReaches('operate', 'read')).toBe(true);
  expect(roleReaches('operate', 'operate')).toBe(true);
  expect(roleReaches('operate', 'admin')).toBe(false);
  expect([parseScope([]), scopeText(undefined)]).toEqual([undefined, 'everything']);
});
