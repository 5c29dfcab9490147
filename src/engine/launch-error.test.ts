import { constants } from 'node:os';
import { expect, test } from 'vitest';
import { launcherErrors } from '../launcher/errors.ts';
import type { EncodedLaunch } from '../launcher/launcher.ts';
import { describeLaunchError } from './launch-error.ts';

const encoded = () => ({ hostSteps: [], childSteps: [] }) as unknown as EncodedLaunch;
const refusal = launcherErrors.launchFailed({
  ...{ phase: 'clone', stepIndex: 0, errno: constants.errno.ENOSPC, detail: 'clone' },
});

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
