import { expect, test } from 'vitest';
import { z } from 'zod';
import { emptyAnswer } from './answer-schemas.ts';
import { markdownOf, openApiOf } from './reference.ts';
import { defineRoute, json } from './router.ts';
import { containerSchema } from './schemas.ts';

const ROUTE = defineRoute({
  ...{ method: 'POST', path: '/v1/things/:id/turn', deadlineMs: 1, status: 201, summary: 'Turns it.' },
  needs: { role: 'operate', of: 'container' },
  query: z.strictObject({ fast: z.enum(['true', 'false']).optional(), by: z.string() }),
  body: { schema: containerSchema, where: 'the thing' },
  answer: { kind: 'json or lines', schema: emptyAnswer, linesIf: 'sometimes' },
  handle: async () => json({}),
});

test('a route is an operation with its parameters, its body and its answers', () => {
  const { paths } = openApiOf([ROUTE], '1') as { paths: Record<string, Record<string, Record<string, unknown>>> };
  const operation = paths['/v1/things/{id}/turn']?.post;
  expect(operation?.parameters).toMatchObject([
    { in: 'path', name: 'id', required: true },
    { in: 'query', name: 'fast', required: false },
    { in: 'query', name: 'by', required: true },
    { in: 'header', name: 'idempotency-key' },
  ]);
  expect(operation?.requestBody).toMatchObject({
    content: { 'application/json': { schema: { $ref: '#/components/schemas/ContainerRequest' } } },
  });
  expect(Object.keys((operation?.responses ?? {}) as object)).toEqual(['201', 'default']);
});

test('every reference leads to a component', () => {
  const document = openApiOf([ROUTE], '1') as { components: { schemas: Record<string, unknown> } };
  const names = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
    ([, name]) => name,
  );
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) expect(Object.keys(document.components.schemas)).toContain(name);
});

test('for people a route is a row', () => {
  expect(markdownOf([ROUTE])).toContain(
    '| `POST /v1/things/:id/turn` | Turns it. | 201, JSON; lines sometimes | operate, container |',
  );
});
