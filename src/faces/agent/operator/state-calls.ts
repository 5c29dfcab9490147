import { z } from 'zod';
import type { Need } from '../access/decide.ts';
import { answer, type CallKind, call, OK } from './call-kind.ts';
import { imageSchema, nothingSchema } from './call-schemas.ts';

const MAX_EXCLUDED = 1000;
const pruneImagesSchema = z.strictObject({ excluded_images: z.array(imageSchema).max(MAX_EXCLUDED).optional() });

const PRUNE_ALL = { all: true, labels: [], withoutLabels: [], dryRun: false };

/** None of it is of anybody's. */
const READ: Need = { role: 'read', of: 'nothing' };

/** What the state of an agent consists of, each the answer to a call of its own, too. */
const TASKS = {
  ...{ pending_tasks: [], queued_tasks: [], launched_tasks: [] },
  ...{ terminated_tasks: [], completed_tasks: [] },
};
const EXECUTORS = { executors: [], completed_executors: [] };
const FRAMEWORKS = { frameworks: [], completed_frameworks: [] };

/**
 * Tasks, executors and frameworks: containers that stand alone are none of them (GET_CONTAINERS has those), so these lists are
 * empty, as they are on a Mesos agent that has only such containers. And the images.
 */
export const STATE_CALLS: Readonly<Record<string, CallKind<unknown>>> = {
  GET_STATE: call(READ, nothingSchema, async () =>
    answer('GET_STATE', { get_tasks: TASKS, get_executors: EXECUTORS, get_frameworks: FRAMEWORKS }),
  ),
  GET_TASKS: call(READ, nothingSchema, async () => answer('GET_TASKS', TASKS)),
  GET_EXECUTORS: call(READ, nothingSchema, async () => answer('GET_EXECUTORS', EXECUTORS)),
  GET_FRAMEWORKS: call(READ, nothingSchema, async () => answer('GET_FRAMEWORKS', FRAMEWORKS)),
  PRUNE_IMAGES: call(
    { role: 'operate', of: 'agent' },
    pruneImagesSchema,
    async ({ excluded_images: excluded = [] }, { engine }) => {
      const names = excluded.map(({ docker }) => docker.name);
      await engine.upkeep.pruneImages({ ...PRUNE_ALL, excluded: names });
      return OK;
    },
  ),
};
