import { z } from 'zod';
import { type Call, defineRoute, json, type Route } from '../router.ts';

const DEADLINE_MS = 10_000;

const damagedAnswer = z.array(
  z.object({
    file: z.string(),
    container: z.string().nullable().describe('uid of the container that it is of'),
    reason: z.string(),
    atMs: z.number().int().describe('when it was found, in milliseconds since 1970'),
  }),
);

/** What a person has to look after. */
export function damageRoutes(): readonly Route[] {
  return [
    defineRoute({
      ...{ method: 'GET', path: '/v1/debug/damaged-records', deadlineMs: DEADLINE_MS },
      needs: { role: 'read', of: 'agent' },
      summary: 'Records of containers that could not be read since the agent was started.',
      answer: { kind: 'json', schema: damagedAnswer },
      handle: async ({ engine }: Call) =>
        json(engine.diagnostics.damagedRecords().map((one) => ({ ...one, container: one.container ?? null }))),
    }),
  ];
}
