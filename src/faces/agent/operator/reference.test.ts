import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openApiOf } from '../reference.ts';
import { ANSWER_SCHEMAS } from './answer-schemas.ts';
import { PLAIN_CALLS } from './calls.ts';
import { operatorCallTypes } from './reference.ts';

interface Member {
  readonly properties: { readonly type: { readonly const: string } } & Readonly<Record<string, object>>;
  readonly required: readonly string[];
}

interface Content {
  readonly 'application/json': { readonly schema: { readonly oneOf: readonly Member[] } };
  readonly 'application/recordio': { readonly 'x-itemSchema': object };
}

const DOCUMENT = openApiOf([], '1') as unknown as {
  readonly paths: {
    readonly '/api/v1': {
      readonly post: {
        readonly requestBody: { readonly content: Content };
        readonly responses: Readonly<Record<string, { readonly content: Content }>>;
      };
    };
  };
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
};
const { requestBody, responses } = DOCUMENT.paths['/api/v1'].post;
const typesOf = ({ 'application/json': { schema } }: Content) =>
  schema.oneOf.map(({ properties }) => properties.type.const);

test('every call of the operator API is in the reference with its fields, the stream of input as records', () => {
  const types = typesOf(requestBody.content);
  expect([...types, 'ATTACH_CONTAINER_INPUT'].toSorted()).toEqual(operatorCallTypes().toSorted());
  for (const { properties } of requestBody.content['application/json'].schema.oneOf) {
    expect(Object.keys(properties)).toEqual(['type', properties.type.const.toLowerCase()]);
  }
  const records = JSON.stringify(requestBody.content['application/recordio']['x-itemSchema']);
  expect(records).toContain('"const":"ATTACH_CONTAINER_INPUT"');
});

test('a call whose fields may all be left out needs its type alone', () => {
  const required = new Map(
    requestBody.content['application/json'].schema.oneOf.map((one) => [one.properties.type.const, one.required]),
  );
  expect(required.get('GET_CONTAINERS')).toEqual(['type']);
  expect(required.get('KILL_CONTAINER')).toEqual(['type', 'kill_container']);
});

test('answers are those of calls, and streams and the whole table of statuses are told', () => {
  const answered = responses[200]?.content;
  expect(answered === undefined ? [] : typesOf(answered)).toEqual(Object.keys(ANSWER_SCHEMAS));
  expect(Object.keys(ANSWER_SCHEMAS).filter((type) => !Object.hasOwn(PLAIN_CALLS, type))).toEqual([]);
  const records = JSON.stringify(answered?.['application/recordio']['x-itemSchema']);
  for (const word of ['STDERR', 'HEARTBEAT', 'EXITED', 'SUBSCRIBED']) expect(records).toContain(word);
  const statuses = [
    '200',
    '202',
    '400',
    '401',
    '403',
    '404',
    '405',
    '406',
    '408',
    '409',
    '413',
    '415',
    '500',
    '501',
    '503',
  ];
  expect(Object.keys(responses)).toEqual(statuses);
});

test('ids are named by what they may be, as deep as they come', () => {
  const { ContainerID, NewContainerID } = DOCUMENT.components.schemas;
  expect(ContainerID).toMatchObject({ properties: { parent: { $ref: '#/components/schemas/ContainerID' } } });
  expect(NewContainerID).toMatchObject({ required: ['value'] });
});

test('the guide says something of every call', () => {
  const guide = readFileSync(new URL('../../../../docs/agent-api.md', import.meta.url), 'utf8');
  expect(operatorCallTypes().filter((type) => !guide.includes(`\`${type}\``))).toEqual([]);
});
