import { expect, test } from 'vitest';
import { hostTreeInput, IMAGE, planInput } from '../isolator.fixture.ts';
import { imageCommand, runtimeImage } from './image.ts';

const BOTH = { entrypoint: ['entry'], cmd: ['cmd'] };

test.each([
  ['image alone', {}, BOTH, ['entry', 'cmd']],
  ['a command replaces cmd', { command: ['mine'] }, BOTH, ['entry', 'mine']],
  ['an entrypoint drops cmd too', { entrypoint: ['mine'] }, BOTH, ['mine']],
  ['an entrypoint and a command', { entrypoint: ['e'], command: ['c'] }, BOTH, ['e', 'c']],
  ['a cleared entrypoint leaves the command', { entrypoint: [], command: ['c'] }, BOTH, ['c']],
  ['an entrypoint of one empty word is none', {}, { entrypoint: [''], cmd: ['cmd'] }, ['cmd']],
  ['an image with cmd only', {}, { entrypoint: [], cmd: ['cmd'] }, ['cmd']],
])('%s', (_, config, image, command) => {
  expect(imageCommand(config, image)).toEqual(command);
});

test('an image without a command needs one from the caller', () => {
  const image = { ...IMAGE, cmd: [] };
  expect(() => runtimeImage().plan(planInput({}, { image }))).toThrow('image debian names no command');
  expect(runtimeImage().plan(planInput({ command: ['x'] }, { image })).command).toEqual(['x']);
});

test('user and working directory are the image’s unless the caller names them', () => {
  const image = { ...IMAGE, user: 'web:web', workdir: '/srv' };
  expect(runtimeImage().plan(planInput({}, { image }))).toMatchObject({
    user: { user: 'web', group: 'web' },
    workdir: '/srv',
  });
  const said = runtimeImage().plan(planInput({ user: '1', workdir: '/' }, { image }));
  expect(said).not.toHaveProperty('user');
  expect(said).not.toHaveProperty('workdir');
});

test('an image’s variables are passed on, entries that set nothing are not', () => {
  const image = { ...IMAGE, env: ['A=1', 'B', '=x', 'C='] };
  expect(runtimeImage().plan(planInput({}, { image })).environment).toEqual(['A=1', 'C=']);
});

test.each([
  ['an id that wraps', { user: '4294967296' }, 'beyond the largest'],
  ['a relative working directory', { workdir: 'srv' }, 'image debian has the working directory "srv"'],
])('an image with %s is refused', (_, fields, message) => {
  expect(() => runtimeImage().plan(planInput({}, { image: { ...IMAGE, ...fields } }))).toThrow(message);
});

test('without an image it has nothing to say', () => {
  expect(runtimeImage().plan(hostTreeInput())).toEqual({});
});
