import { z } from 'zod';
import { type Call, defineRoute, json, type Route } from '../router.ts';
import { credentialSchema, registryName } from './registry-schemas.ts';

const DEADLINE_MS = 5 * 60_000;
const MAX_FOUND = 1000;
const DEFAULT_FOUND = 25;

const loginSchema = z.strictObject({ registry: registryName, credential: credentialSchema });
const loginAnswer = z.object({ identityToken: z.string().optional() });
const searchSchema = z.strictObject({
  registry: registryName,
  term: z.string().min(1).max(4096),
  limit: z.number().int().min(1).max(MAX_FOUND).optional(),
  credential: credentialSchema.optional(),
});
const searchAnswer = z.array(
  z.object({
    name: z.string(),
    description: z.string(),
    stars: z.number().nullable(),
    isOfficial: z.boolean(),
  }),
);

/** What is asked of registries beside images. Bodies carry credentials, which addresses must not. */
export function registryRoutes(): readonly Route[] {
  return [
    defineRoute({
      ...{ method: 'POST', path: '/v1/registries/login', deadlineMs: DEADLINE_MS, once: true },
      needs: { role: 'operate', of: 'nothing' },
      summary: 'Shows a registry a credential; an answer without an error says that it counts. It is kept nowhere.',
      notes: '`identityToken` may stand for the password from then on; only registries with a token service give one.',
      body: { schema: loginSchema, where: 'the login' },
      answer: { kind: 'json', schema: loginAnswer },
      handle: async ({ engine, body, signal }: Call<z.output<typeof loginSchema>>) => {
        const identityToken = await engine.registries.checkLogin(body.registry, body.credential, signal);
        return json(identityToken === undefined ? {} : { identityToken });
      },
    }),
    defineRoute({
      ...{ method: 'POST', path: '/v1/registries/search', deadlineMs: DEADLINE_MS, isUnwritten: true },
      needs: { role: 'operate', of: 'nothing' },
      summary: 'Repositories of a registry whose names or descriptions hold a text.',
      body: { schema: searchSchema, where: 'the search' },
      answer: { kind: 'json', schema: searchAnswer },
      handle: async ({ engine, body, signal }: Call<z.output<typeof searchSchema>>) => {
        const found = await engine.registries.search({ ...body, limit: body.limit ?? DEFAULT_FOUND }, signal);
        return json(found.map((repository) => ({ ...repository, stars: repository.stars ?? null })));
      },
    }),
  ];
}
