import type { z } from 'zod';
import type { Components } from '../components.ts';
import { ANSWER_SCHEMAS, processIoSchema, subscriptionSchema } from './answer-schemas.ts';
import { idSchema, inputSchema, launchNestedSchema, subscribeSchema } from './call-schemas.ts';
import { PLAIN_CALLS } from './calls.ts';
import { containerIdSchema, nestedIdSchema, newIdSchema, newNestedIdSchema } from './container-ids.ts';
import { JSON_TYPE, RECORD_IO } from './media-types.ts';

type Json = { readonly [field: string]: unknown };

/** The calls that are answered with a stream, and their fields. */
const STREAMING: Readonly<Record<string, z.ZodType>> = {
  LAUNCH_NESTED_CONTAINER_SESSION: launchNestedSchema,
  ATTACH_CONTAINER_OUTPUT: idSchema,
  SUBSCRIBE: subscribeSchema,
};
const INPUT = 'ATTACH_CONTAINER_INPUT';

const idValue = {
  type: 'string',
  minLength: 1,
  maxLength: 242,
  description: 'no slash, backslash, space or control character',
};
const newIdValue = { ...idValue, description: 'no slash, backslash, dot, space or control character' };
const parent = { $ref: '#/components/schemas/ContainerID' };
const id = (value: Json, required: readonly string[]): Json => ({
  ...{ type: 'object', properties: { value, parent }, required, additionalProperties: false },
});

/** Ids are taken level by level, by code that says nothing of itself. */
export const ID_DEFINITIONS = {
  ContainerID: id(idValue, ['value']),
  NestedContainerID: id(idValue, ['value', 'parent']),
  NewContainerID: id(newIdValue, ['value']),
  NewNestedContainerID: id(newIdValue, ['value', 'parent']),
};

export const ID_SCHEMAS = new Map<z.core.$ZodType, keyof typeof ID_DEFINITIONS>([
  [containerIdSchema, 'ContainerID'],
  [nestedIdSchema, 'NestedContainerID'],
  [newIdSchema, 'NewContainerID'],
  [newNestedIdSchema, 'NewNestedContainerID'],
]);

const REFUSALS: Readonly<Record<number, string>> = {
  400: 'No Content-Type, a call that does not validate, or any launch that fails.',
  401: 'Nobody knows who calls.',
  403: 'Who calls may not do that.',
  404: 'The container, or the file, is not there; a signal for a container that has ended.',
  405: 'Not POST.',
  406: 'The call is not answered in a type that Accept has.',
  408: 'The body did not arrive in time.',
  409: 'The key has named another request.',
  413: 'The body is too large.',
  415: 'Not JSON, and not the stream of ATTACH_CONTAINER_INPUT; protobuf is not spoken.',
  500: 'It failed; also a removal of what has not ended.',
  501: 'The agent does not take calls of this type.',
  503: 'The agent recovers, or stops.',
};

/** `POST /api/v1` as an operation of an OpenAPI document: one of many calls in, its answer or a stream out. Pure. */
export function operatorPaths(components: Components, idempotencyKey: Json): Readonly<Record<string, Json>> {
  const text = { 'text/plain': { schema: { type: 'string', description: 'a line that says why' } } };
  const refusals = Object.entries(REFUSALS).map(([status, description]) => [status, { description, content: text }]);
  const operation = {
    summary: 'Takes a call of the operator API of Mesos agents.',
    description:
      'What is particular to each call is in docs/agent-api.md. RecordIO is the length of each record as a decimal number, a newline, and the record. Streams are no answers that a key repeats.',
    parameters: [
      idempotencyKey,
      header('message-content-type', `the type of each record of a body that is ${RECORD_IO}`),
      header('message-accept', `the type of each record of an answer that is ${RECORD_IO}`),
    ],
    requestBody: {
      required: true,
      content: { [JSON_TYPE]: { schema: callsOf(components) }, [RECORD_IO]: inputOf(components) },
    },
    responses: {
      200: {
        description: `The answer; its body is empty where the call has nothing to tell. Streams are ${RECORD_IO} where Accept has that, else the same records as ${JSON_TYPE}.`,
        content: { [JSON_TYPE]: { schema: answersOf(components) }, [RECORD_IO]: streamsOf(components) },
      },
      202: { description: 'A container, or a session, of this id is alive already.' },
      ...Object.fromEntries(refusals),
    },
  };
  return { '/api/v1': { post: operation } };
}

/** All types of calls that are served. */
export function operatorCallTypes(): readonly string[] {
  return [...Object.keys(PLAIN_CALLS), ...Object.keys(STREAMING), INPUT];
}

function header(name: string, what: string): Json {
  return { in: 'header', name, required: false, schema: { const: JSON_TYPE }, description: what };
}

function callsOf(components: Components): Json {
  const plain = Object.entries(PLAIN_CALLS).map(([type, { schema, needsFields }]) => ({ type, schema, needsFields }));
  const calls = [...plain, ...Object.entries(STREAMING).map(([type, schema]) => ({ type, schema }))];
  return { oneOf: calls.map((call) => memberOf(components, { ...call, io: 'input' })) };
}

/** A call without fields may leave them out. */
function memberOf(
  components: Components,
  {
    type,
    schema,
    needsFields = false,
    io,
  }: {
    readonly type: string;
    readonly schema: z.ZodType;
    readonly needsFields?: boolean | undefined;
    readonly io: 'input' | 'output';
  },
): Json {
  const member = type.toLowerCase();
  const mayLackFields = io === 'input' && !needsFields && schema.safeParse({}).success;
  return {
    type: 'object',
    properties: { type: { const: type }, [member]: components.of(schema, io) },
    required: mayLackFields ? ['type'] : ['type', member],
    ...(io === 'input' && { additionalProperties: false }),
  };
}

function inputOf(components: Components): Json {
  const record = memberOf(components, { type: INPUT, schema: inputSchema, io: 'input' });
  return recordsOf(record, 'the first record names the container; one of no bytes ends stdin');
}

function streamsOf(components: Components): Json {
  const of = (schema: z.ZodType) => components.of(schema, 'output');
  return recordsOf({ oneOf: [of(processIoSchema), of(subscriptionSchema)] }, 'ProcessIO, and of SUBSCRIBE its events');
}

/** OpenAPI 3.1 has no words for a sequence of records; 3.2 has these. */
function recordsOf(record: Json, description: string): Json {
  return { schema: { type: 'string', format: 'binary', description }, 'x-itemSchema': record };
}

function answersOf(components: Components): Json {
  const answers = Object.entries(ANSWER_SCHEMAS);
  return { oneOf: answers.map(([type, schema]) => memberOf(components, { type, schema, io: 'output' })) };
}
