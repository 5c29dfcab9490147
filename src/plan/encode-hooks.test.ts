import { expect, test } from 'vitest';
import type { Contribution, HookPlan } from '../model/launch-plan.ts';
import type { Step } from '../model/wire.ts';
import { compose } from './compose.ts';
import { encodeLaunch } from './encode.ts';
import { by, CHANNEL, composeInput } from './plan.fixture.ts';

const hook = (path: string): HookPlan => ({
  ...{ path, arguments: [path], environment: [], timeoutMs: 1000 },
  state: { before: '{"pid":', after: '}' },
});

/** The steps of a launch by their names, and programs by theirs. */
function encode(hooks: NonNullable<Contribution['hooks']>) {
  const contribution: Contribution = {
    namespaces: ['mount'],
    rootfs: { kind: 'overlay', lowerDirs: ['/l'], upperDir: '/up', workDir: '/work' },
    maskedPaths: ['/proc/keys'],
    hooks,
  };
  const { hostSteps, childSteps } = encodeLaunch(compose(composeInput([by('i', contribution)])), CHANNEL);
  const names = (steps: readonly Step[]) =>
    steps.map((one) => (one.op === 'run-program' ? String(one.values.name) : one.op));
  return { host: names(hostSteps), child: names(childSteps) };
}

test('hooks of the host run last of its steps, once the child has mounted all and before the old root goes', () => {
  const { host, child } = encode({
    ...{ createRuntime: [hook('/r')], prestart: [hook('/p')] },
    ...{ createContainer: [hook('/c')], startContainer: [hook('/s')] },
  });
  expect(host.slice(-3)).toEqual(['await-mounts', 'prestart hook /p', 'createRuntime hook /r']);
  expect(child.slice(child.indexOf('mask-path'))).toEqual([
    ...['mask-path', 'await-hooks', 'createContainer hook /c', 'pivot-root'],
    ...child.slice(child.indexOf('pivot-root') + 1, -3),
    ...['await-start', 'startContainer hook /s', 'exec'],
  ]);
});

test('a launch without hooks of the host waits for none', () => {
  const { host, child } = encode({ createContainer: [hook('/c')] });
  expect([host, child].flat()).not.toEqual(expect.arrayContaining([expect.stringMatching(/await-(mounts|hooks)/)]));
});
