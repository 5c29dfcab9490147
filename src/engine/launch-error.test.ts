import { constants } from 'node:os';
import { expect, test } from 'vitest';
import { launcherErrors } from '../launcher/errors.ts';
import type { EncodedLaunch } from '../launcher/launcher.ts';
import { EngineError } from '../model/error.ts';
import { engineErrors } from './errors.ts';
import { describeLaunchError } from './launch-error.ts';

const encoded = () => ({ hostSteps: [], childSteps: [] }) as unknown as EncodedLaunch;
const refused = (errno: number) =>
  launcherErrors.launchFailed({ phase: 'clone', stepIndex: 0, errno, detail: 'clone' });
const refusal = refused(constants.errno.ENOSPC);

test('a kernel without another pid namespace is told with how deep the container would be', () => {
  const told = describeLaunchError(refusal, { uid: 'u', path: 'web/db/x', depth: 3, encoded });
  expect(told).toMatchObject({
    ...{ code: 'engine.pidNamespacesExhausted', details: { path: 'web/db/x', depth: 3, most: 32 } },
    message: expect.stringContaining("takes 32 in one another, counted from the host's first"),
  });
});

test('of a container that lives in none the same refusal is about namespaces in general', () => {
  const told = describeLaunchError(refusal, { uid: 'u', path: 'web', depth: 1, encoded });
  expect(told).toMatchObject({ code: 'plan.noNamespaces' });
});

test('a container whose place went with its parent is refused for the end of that', () => {
  const gone = refused(constants.errno.ENOENT);
  const told = describeLaunchError(gone, { uid: 'u', path: 'web/db/x', depth: 3, encoded });
  expect(told).toMatchObject({ code: 'engine.parentNotRunning', details: { parent: 'web/db', state: 'terminated' } });
  expect(describeLaunchError(gone, { uid: 'u', path: 'web', encoded })).toMatchObject({ code: 'plan.stepFailed' });
});

test('a child that was killed on its way into its container, or before exec, is told as killed', () => {
  for (const phase of ['clone', 'child'] as const) {
    const killed = launcherErrors.launchFailed({ phase, stepIndex: 0, errno: constants.errno.ECHILD, detail: 'enter' });
    expect(describeLaunchError(killed, { uid: 'u', encoded })).toMatchObject({ code: 'engine.killedBeforeExec' });
  }
});

test('a session whose container has gone from under it is refused for the end of that', () => {
  const told = describeLaunchError(refused(constants.errno.ENOENT), { uid: 's', enters: 'u', encoded });
  expect(told).toMatchObject({ code: 'engine.notRunning', details: { uid: 'u', state: 'terminated' } });
});

test('a part that was broken off with its launch is told by who gave the launch up', () => {
  const reason = engineErrors.stoppedBeforeStart({ uid: 'u', by: 'stop' });
  const broken = new EngineError({ kind: 'cancelled', code: 'flight.cancelled', message: 'the pull was cancelled' });
  expect(describeLaunchError(broken, { uid: 'u', cancelled: AbortSignal.abort(reason) })).toBe(reason);
  expect(describeLaunchError(broken, { uid: 'u', cancelled: new AbortController().signal })).toBe(broken);
  const other = engineErrors.unknownContainer({ id: 'x' });
  expect(describeLaunchError(other, { uid: 'u', cancelled: AbortSignal.abort(reason) })).toBe(other);
});
