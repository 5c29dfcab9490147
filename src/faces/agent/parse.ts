import type { z } from 'zod';
import { agentErrors } from './errors.ts';

/**
 * @param where names the request in the error, for example `the container`
 * @throws {EngineError} `agent.unknownField`, `agent.badField` (invalid-argument)
 */
export function parseBody<Schema extends z.ZodType>(schema: Schema, body: unknown, where: string): z.output<Schema> {
  const result = schema.safeParse(body ?? {});
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  if (issue === undefined) throw agentErrors.badField({ field: where, reason: 'malformed' });
  const place = issue.path.length === 0 ? where : `${where}, field ${issue.path.join('.')}`;
  if (issue.code === 'unrecognized_keys') throw agentErrors.unknownField({ where: place, fields: issue.keys });
  throw agentErrors.badField({ field: place, reason: lowerFirst(issue.message) });
}

/** @throws {EngineError} as `parseBody` */
export function parseQuery<Schema extends z.ZodType>(schema: Schema, query: URLSearchParams): z.output<Schema> {
  return parseBody(schema, Object.fromEntries(query), 'the query');
}

function lowerFirst(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}
