import { expect, test } from 'vitest';
import type { ContainerRequest } from '../../model/check-request.ts';
import { planInput } from '../isolator.fixture.ts';
import type { Isolator } from '../isolator.ts';
import { posixRlimits } from '../posix/rlimits.ts';
import { ioPriority } from './io-priority.ts';
import { landlock } from './landlock.ts';
import { memoryPolicy } from './memory-policy.ts';
import { oomScore } from './oom.ts';
import { personality } from './personality.ts';
import { scheduler } from './scheduler.ts';

/** Each isolator of one setting, a request for it, and the field of the contribution that bears it. */
const SETTINGS: readonly [Isolator, Partial<ContainerRequest>, object][] = [
  [
    posixRlimits(),
    { process: { rlimits: { core: { soft: 0, hard: 0 } } } },
    { rlimits: { core: { soft: 0, hard: 0 } } },
  ],
  [oomScore(), { process: { oomScoreAdj: 500 } }, { oomScoreAdj: 500 }],
  [personality(), { process: { personality: 'linux32' } }, { personality: 'linux32' }],
  [scheduler(), { process: { scheduler: { policy: 'batch' } } }, { scheduler: { policy: 'batch' } }],
  [ioPriority(), { process: { ioPriority: { class: 'idle', level: 0 } } }, { ioPriority: { class: 'idle', level: 0 } }],
  [
    memoryPolicy(),
    { process: { memoryPolicy: { mode: 'local', nodes: [] } } },
    { memoryPolicy: { mode: 'local', nodes: [] } },
  ],
  [landlock(), { landlock: { scoped: true } }, { landlock: { scoped: true } }],
];

test.each(SETTINGS)('$name takes part when it is asked for, and says what was asked', (isolator, request, expected) => {
  const asked = planInput(request);
  expect(isolator.appliesTo?.(asked.config, asked.host)).toBe(true);
  expect(isolator.plan(asked)).toEqual(expected);
});

test.each(SETTINGS)('$name stays away when it is not', (isolator) => {
  const { config, host } = planInput();
  expect(isolator.appliesTo?.(config, host)).toBe(false);
  expect(isolator.plan(planInput())).toEqual({});
});
