import { expect, test } from 'vitest';
import { isLaunching, isLegalTransition, transition } from './state.ts';

test('a container runs through its states in order', () => {
  const life = ['provisioning', 'preparing', 'isolating', 'prepared', 'running', 'destroying', 'terminated'] as const;
  for (let index = 1; index < life.length; index++) {
    const [from, to] = [life[index - 1], life[index]];
    if (from !== undefined && to !== undefined) expect(transition(from, to)).toBe(to);
  }
});

test('nothing follows terminated, and nothing that runs is launched again', () => {
  expect(isLegalTransition('terminated', 'running')).toBe(false);
  expect(isLegalTransition('running', 'prepared')).toBe(false);
  expect(() => transition('terminated', 'destroying')).toThrow('terminated is never followed by destroying');
});

test('a launch is under way until the container runs', () => {
  expect(isLaunching('prepared')).toBe(true);
  expect(isLaunching('running')).toBe(false);
  expect(isLaunching('destroying')).toBe(false);
});
