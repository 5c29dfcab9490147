import { z } from 'zod';
import { ROLES } from '../../model/access.ts';
import { scopeSchema, storedTokenSchema } from './access/token-format.ts';
import type { Tokens } from './access/tokens.ts';
import { emptyAnswer } from './answer-schemas.ts';
import { type Answer, type Call, defineRoute, json, type Route } from './router.ts';

const DEADLINE_MS = 60_000;

const tokenAnswer = storedTokenSchema.omit({ hash: true });
const madeAnswer = z.object({ token: z.string().describe('nobody can be told it again'), info: tokenAnswer });

const createSchema = z.strictObject({
  name: z.string().min(1).max(256),
  role: z.enum(ROLES),
  scope: scopeSchema.optional(),
  /** Missing: until it is revoked. */
  lifetimeMs: z
    .number()
    .int()
    .min(1_000)
    .max(100 * 365 * 86_400_000)
    .optional(),
});

export interface TokenRoutePorts {
  readonly tokens: Tokens;
  /** Sees to it that somebody who has nothing but a token can connect. */
  readonly openTokenSocket: () => Promise<void>;
}

/** Tokens, by which others than the agent's own user are let in. */
export function tokenRoutes(ports: TokenRoutePorts): readonly Route[] {
  return [
    defineRoute({
      ...{ method: 'POST', path: '/v1/tokens', deadlineMs: DEADLINE_MS, status: 201, once: true },
      needs: { role: 'admin', of: 'agent' },
      summary: 'Makes a token; only this answer has it.',
      body: { schema: createSchema, where: 'the token' },
      answer: { kind: 'json', schema: madeAnswer },
      handle: (call) => create(call, ports),
    }),
    defineRoute({
      ...{ method: 'GET', path: '/v1/tokens', deadlineMs: DEADLINE_MS },
      needs: { role: 'admin', of: 'agent' },
      summary: 'All tokens, without what would let somebody in.',
      answer: { kind: 'json', schema: z.array(tokenAnswer) },
      handle: async () => json(ports.tokens.list()),
    }),
    defineRoute({
      ...{ method: 'DELETE', path: '/v1/tokens/:id', deadlineMs: DEADLINE_MS },
      needs: { role: 'admin', of: 'agent' },
      summary: 'Revokes a token; calls of it that are under way go on.',
      answer: { kind: 'json', schema: emptyAnswer },
      handle: async ({ params }) => {
        await ports.tokens.revoke(params.id ?? '');
        return json({});
      },
    }),
  ];
}

/** A scope names its container by uid, which is never given to another one. */
async function create({ engine, body }: Call<z.output<typeof createSchema>>, ports: TokenRoutePorts): Promise<Answer> {
  const { name, role, scope: asked, lifetimeMs } = body;
  const container = asked?.container === undefined ? undefined : (await engine.status(asked.container)).uid;
  const hasLabels = Object.keys(asked?.labels ?? {}).length > 0;
  const scope = {
    ...(hasLabels && asked?.labels !== undefined && { labels: asked.labels }),
    ...(container !== undefined && { container }),
  };
  const isBounded = Object.keys(scope).length > 0;
  const made = await ports.tokens.create({ name, role, lifetimeMs, ...(isBounded && { scope }) });
  await ports.openTokenSocket();
  return json(made, 201);
}
