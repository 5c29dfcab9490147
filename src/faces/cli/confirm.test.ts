import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { confirmed } from './confirm.ts';
import type { CliContext } from './context.ts';

function terminal(typed: string, isTTY = true): { readonly context: CliContext; readonly shown: () => string } {
  const input = new PassThrough();
  input.end(typed);
  const output = new PassThrough();
  const stdin = Object.assign(input, { isTTY });
  const context = { stdin: () => stdin, stderr: output } as unknown as CliContext;
  return { context, shown: () => String(output.read() ?? '') };
}

test.each([
  ['y\n', true],
  ['Yes\n', true],
  ['n\n', false],
  ['\n', false],
  ['yellow\n', false],
])('who answers %j on the terminal is taken at his word: %s', async (typed, goes) => {
  const { context, shown } = terminal(typed);
  expect(await confirmed(context, { what: 'all of it', force: undefined })).toBe(goes);
  expect(shown()).toContain('This takes away all of it. Go on? [y/N]');
});

test('who says nothing at all has not agreed', async () => {
  await expect(confirmed(terminal('').context, { what: 'it', force: false })).rejects.toMatchObject({
    kind: 'cancelled',
  });
});

test('a script is not asked, and neither is who forces it', async () => {
  const script = terminal('n\n', false);
  expect(await confirmed(script.context, { what: 'it', force: false })).toBe(true);
  const forced = terminal('n\n');
  expect(await confirmed(forced.context, { what: 'it', force: true })).toBe(true);
  expect(script.shown() + forced.shown()).toBe('');
});
