import { z } from 'zod';
import { answer, type CallKind, call } from './call-kind.ts';
import { nothingSchema } from './call-schemas.ts';
import { CONTAINER_CALLS } from './container-calls.ts';
import { DIAGNOSTIC_CALLS } from './diagnostic-calls.ts';
import { operatorErrors } from './errors.ts';
import { FILE_CALLS } from './file-calls.ts';
import { STATE_CALLS } from './state-calls.ts';

/** The calls that have one answer, by type; their fields are in the member of that name in lower case. */
export const PLAIN_CALLS: Readonly<Record<string, CallKind<unknown>>> = {
  GET_HEALTH: call({ role: 'read', of: 'nothing' }, nothingSchema, async () => answer('GET_HEALTH', { healthy: true })),
  GET_VERSION: call({ role: 'read', of: 'nothing' }, nothingSchema, async (_, { about }) =>
    answer('GET_VERSION', { version_info: { version: about.version } }),
  ),
  GET_FLAGS: call({ role: 'read', of: 'agent' }, nothingSchema, async (_, { about }) => {
    const flags = Object.entries(about.flags).map(([name, value]) => ({ name, value }));
    return answer('GET_FLAGS', { flags });
  }),
  ...DIAGNOSTIC_CALLS,
  ...STATE_CALLS,
  ...FILE_CALLS,
  ...CONTAINER_CALLS,
};

const CALL = z.looseObject({ type: z.string().min(1).max(128) });

/**
 * The call in a body: its type, and the fields that are for it.
 *
 * @throws {EngineError} `operator.unknownCall` (unimplemented), `operator.invalidCall` (invalid-argument)
 */
export function parseCall(body: unknown): { readonly type: string; readonly fields: unknown } {
  const parsed = CALL.safeParse(body);
  if (!parsed.success) throw operatorErrors.invalidCall({ reason: 'expecting a field type' });
  const { type, ...members } = parsed.data;
  const own = type.toLowerCase();
  const other = Object.keys(members).find((name) => name !== own);
  if (other !== undefined)
    throw operatorErrors.invalidCall({ reason: `unexpected field ${other} in a call of type ${type}` });
  return { type, fields: members[own] };
}

/** @throws {EngineError} `operator.invalidCall` (invalid-argument) */
export function parseFields<Fields>(schema: z.ZodType<Fields>, fields: unknown, where: string): Fields {
  const result = schema.safeParse(fields ?? {});
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const place = [where, ...(issue?.path ?? [])].join('.');
  throw operatorErrors.invalidCall({ reason: `${place}: ${issue?.message ?? 'malformed'}` });
}
