import { expect, test } from 'vitest';
import { landlockTables } from './landlock.ts';

const masks = (table: Uint8Array): number[] => Array.from(new BigUint64Array(table.slice().buffer), Number);

test('paths are handled by all rights of each version, and need version 3', () => {
  const { ruleset } = landlockTables({ paths: [] });
  expect(ruleset.leastVersion).toBe(3);
  expect(masks(ruleset.pathAccess)).toEqual([0x1fff, 0x3fff, 0x7fff, 0x7fff, 0xffff]);
  expect(masks(ruleset.portAccess)).toEqual([]);
});

test('a rule allows no right that its version does not handle', () => {
  const { pathRules, ruleset } = landlockTables({ paths: [{ path: '/a', access: ['read', 'write', 'execute'] }] });
  expect(pathRules.map(({ directoryAccess }) => masks(directoryAccess))).toEqual([masks(ruleset.pathAccess)]);
});

test('a rule for a file names no right of directories', () => {
  const [rule] = landlockTables({ paths: [{ path: '/a', access: ['read'] }] }).pathRules;
  expect(masks(rule?.directoryAccess ?? new Uint8Array())[4]).toBe(0b1100);
  expect(masks(rule?.fileAccess ?? new Uint8Array())[4]).toBe(0b0100);
});

test('only the directions that have rules are restricted', () => {
  const { ruleset, portRules } = landlockTables({ connectTcpPorts: [443] });
  expect(ruleset.leastVersion).toBe(4);
  expect(masks(ruleset.portAccess)).toEqual([0b10]);
  expect(portRules).toEqual([{ port: 443, access: 0b10 }]);
});

test('scopes need version 6', () => {
  const { ruleset } = landlockTables({ scoped: true });
  expect(ruleset.leastVersion).toBe(6);
  expect(masks(ruleset.scopes)).toEqual([0b11]);
});
