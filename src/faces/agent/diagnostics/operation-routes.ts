import { z } from 'zod';
import type { OperationStatus } from '../../../engine/diagnostics/diagnostics-facade.ts';
import { emptyAnswer } from '../answer-schemas.ts';
import { type Call, defineRoute, json, type Route } from '../router.ts';

const DEADLINE_MS = 10_000;

const text = z.string();
const timeMs = z.number().int().describe('milliseconds since 1970');
const operationsAnswer = z.array(
  z.object({
    id: text.describe('empty for a step that belongs to no operation'),
    kind: text,
    container: text.nullable().describe('uid of the container that it is about'),
    subject: text.nullable().describe('what else it is about: a reference, what is done in the background'),
    note: text.nullable().describe('where it is, in words'),
    sinceMs: timeMs,
    requestId: text.nullable().describe('of the request that it is done for'),
    isCancellable: z.boolean(),
    steps: z
      .array(z.object({ what: text, sinceMs: timeMs, deadlineAtMs: timeMs.nullable() }))
      .describe('what is waited for now, and until when'),
  }),
);

/** What the engine is doing at this moment. */
export function operationRoutes(): readonly Route[] {
  return [
    defineRoute({
      ...{ method: 'GET', path: '/v1/debug/operations', deadlineMs: DEADLINE_MS },
      needs: { role: 'read', of: 'agent' },
      summary: 'What the engine is doing at this moment, oldest first, and what each operation waits for.',
      answer: { kind: 'json', schema: operationsAnswer },
      handle: async ({ engine }: Call) => json(engine.diagnostics.operations().map(operationJson)),
    }),
    defineRoute({
      ...{ method: 'POST', path: '/v1/debug/operations/:id/cancel', deadlineMs: DEADLINE_MS },
      needs: { role: 'operate', of: 'agent' },
      summary: 'Gives up a launch, a pull or the start of a session; any other operation is refused with the reason.',
      answer: { kind: 'json', schema: emptyAnswer },
      handle: async ({ engine, params }: Call) => {
        engine.diagnostics.cancel(params.id ?? '');
        return json({});
      },
    }),
  ];
}

function operationJson({ container, subject, note, requestId, steps, ...rest }: OperationStatus): unknown {
  return {
    ...rest,
    ...{ container: container ?? null, subject: subject ?? null, note: note ?? null, requestId: requestId ?? null },
    steps: steps.map((step) => ({ ...step, deadlineAtMs: step.deadlineAtMs ?? null })),
  };
}
