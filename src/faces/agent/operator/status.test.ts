import { expect, test } from 'vitest';
import { EngineError, type ErrorKind } from '../../../model/error.ts';
import { agentErrors } from '../errors.ts';
import { operatorErrors } from './errors.ts';
import { launchRefusalOf } from './status.ts';

const failed = (kind: ErrorKind): EngineError => new EngineError({ kind, code: 'registry.failed', message: 'no' });

test.each([
  ['whose registry is not reached', failed('unavailable'), 400],
  ['whose registry knows nobody', failed('unauthenticated'), 400],
  ['that takes too long', failed('deadline-exceeded'), 400],
  ['that its caller may not make', failed('permission-denied'), 403],
  ['to an agent that recovers', agentErrors.recovering(), 503],
  ['to an agent that recovers, as this API says it', operatorErrors.recovering(), 503],
  ['to an agent that stops', agentErrors.stopping(), 503],
])('a launch %s has its status', (_name, error, status) => {
  expect(launchRefusalOf(error).status).toBe(status);
});
