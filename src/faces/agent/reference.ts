import { z } from 'zod';
import { containerAnswer, errorAnswerSchema } from './answer-schemas.ts';
import { Components } from './components.ts';
import { ID_DEFINITIONS, ID_SCHEMAS, operatorPaths } from './operator/reference.ts';
import type { Route } from './router.ts';
import { containerSchema } from './schemas.ts';
import { errorStatuses } from './status.ts';
import { ARCHIVE, FRAMES, NDJSON } from './streams.ts';

type Json = { readonly [field: string]: unknown };

const OPENAPI_VERSION = '3.1.0';
const JSON_TYPE = 'application/json';

/** Schemas that stand once in the document, under these names. */
const NAMED = z.registry<{ readonly id: string }>();
NAMED.add(containerSchema, { id: 'ContainerRequest' });
NAMED.add(containerAnswer, { id: 'Container' });
NAMED.add(errorAnswerSchema, { id: 'Error' });

/** The routes as an OpenAPI document: what requests are parsed by is what it says. Pure. */
export function openApiOf(routes: readonly Route[], version: string): Json {
  const components = new Components({ registry: NAMED, written: ID_SCHEMAS, definitions: ID_DEFINITIONS });
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
    const operations = paths[path] ?? {};
    operations[route.method.toLowerCase()] = operationOf(route, components);
    paths[path] = operations;
  }
  return {
    openapi: OPENAPI_VERSION,
    info: { title: 'Isopod agent', version },
    servers: [{ url: 'http://localhost', description: 'over the unix socket of the agent' }],
    paths: { ...paths, ...operatorPaths(components, IDEMPOTENCY_KEY) },
    components: { schemas: components.schemas },
  };
}

function operationOf(route: Route, components: Components): Json {
  const { summary, notes, method } = route;
  const parameters = [
    ...[...route.path.matchAll(/:(\w+)/g)].map(([, name]) => parameter('path', name ?? '', { type: 'string' }, true)),
    ...queryParameters(route, components),
    ...(method === 'GET' || route.once ? [] : [IDEMPOTENCY_KEY]),
  ];
  return {
    summary,
    'x-isopod-needs': route.needs,
    ...(notes === undefined ? {} : { description: notes }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...requestOf(route, components),
    responses: {
      [route.status ?? 200]: { description: summary, content: contentOf(route, components) },
      default: {
        description: 'An error, with the status of its kind.',
        content: { [JSON_TYPE]: { schema: components.of(errorAnswerSchema, 'output') } },
      },
    },
  };
}

function requestOf({ body, upload }: Route, components: Components): Json {
  const required = true;
  if (upload !== undefined) {
    const schema = { type: 'string', format: 'binary', description: upload.of };
    return { requestBody: { required, content: { [upload.contentType]: { schema } } } };
  }
  if (body === undefined) return {};
  return { requestBody: { required, content: { [JSON_TYPE]: { schema: components.of(body.schema, 'input') } } } };
}

const IDEMPOTENCY_KEY = {
  ...parameter('header', 'idempotency-key', { type: 'string', maxLength: 128 }, false),
  description: 'A request that is repeated with the key of an earlier one gets the answer of that one.',
};

function parameter(place: string, name: string, schema: unknown, required: boolean): Json {
  return { in: place, name, required, schema };
}

function queryParameters({ query }: Route, components: Components): readonly Json[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = components.of(query, 'input') as {
    readonly properties?: Readonly<Record<string, unknown>>;
    readonly required?: readonly string[];
  };
  return Object.entries(properties).map(([name, schema]) => parameter('query', name, schema, required.includes(name)));
}

function contentOf({ answer }: Route, components: Components): Json {
  if (answer.kind === 'tunnel') return {};
  if (answer.kind === 'frames') return { [FRAMES]: { schema: { type: 'string', description: answer.of } } };
  if (answer.kind === 'archive') {
    return { [ARCHIVE]: { schema: { type: 'string', format: 'binary', description: answer.of } } };
  }
  if (answer.kind === 'text') return { [answer.contentType]: { schema: { type: 'string', description: answer.of } } };
  const content = { schema: components.of(answer.schema, 'output') };
  return {
    ...(answer.kind === 'lines' ? {} : { [JSON_TYPE]: content }),
    ...(answer.kind === 'json' ? {} : { [NDJSON]: content }),
  };
}

/** The same for people: a table of the calls, and what holds for all. */
export function markdownOf(routes: readonly Route[]): string {
  const rows = routes.map(
    (route) =>
      `| \`${route.method} ${route.path}\` | ${route.summary} | ${answerWords(route)} | ${route.needs.role}, ${route.needs.of} |`,
  );
  const notes = routes.flatMap(({ method, path, notes }) =>
    notes === undefined ? [] : [`- \`${method} ${path}\`: ${notes}`],
  );
  const { byKind, byCode } = errorStatuses();
  const rowOf = ([name, status]: readonly [string, number]): string => `| \`${name}\` | ${status} |`;
  return [
    ...['| Call | What it does | Answer | Needs |', '|---|---|---|---|', ...rows, ''],
    ...(notes.length === 0 ? [] : [...notes, '']),
    ...['| Kind of error | Status |', '|---|---|', ...byKind.map(rowOf), ''],
    ...['| Code that has its own | Status |', '|---|---|', ...byCode.map(rowOf)],
  ].join('\n');
}

function answerWords({ answer, status = 200 }: Route): string {
  switch (answer.kind) {
    case 'json':
      return `${status}, JSON`;
    case 'lines':
      return `${status}, a JSON value a line`;
    case 'json or lines':
      return `${status}, JSON; lines ${answer.linesIf}`;
    case 'tunnel':
      return '101, the streams of docs/protocol.md';
    case 'text':
      return `${status}, ${answer.of}`;
    case 'archive':
      return `${status}, ${answer.of}`;
    case 'frames':
      return `${status}, frames of ${answer.of}`;
  }
}
