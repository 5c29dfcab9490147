import { request } from 'node:http';
import { z } from 'zod';
import {
  ANSWER_SCHEMAS,
  processIoSchema,
  subscriptionSchema,
} from '../../../src/faces/agent/operator/answer-schemas.ts';
import { encodeRecord, RecordParser } from '../../../src/faces/agent/operator/record-io.ts';

export const JSON_TYPE = 'application/json';
export const RECORDS = 'application/recordio';

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly type: string;
}

export interface ProcessIo {
  readonly type: string;
  readonly data?: { readonly type: string; readonly data: string };
  readonly control?: object;
}

/** An answer that comes in pieces. */
export interface OpenAnswer {
  readonly status: number;
  /** What has come so far. */
  text(): string;
  /** Leaves before its end. */
  leave(): void;
  readonly ended: Promise<Answer>;
}

/** Speaks the operator API as a scheduler does. */
export class OperatorClient {
  readonly #socketPath: () => string;

  constructor(socketPath: () => string) {
    this.#socketPath = socketPath;
  }

  async exchange(
    method: string,
    body: string | Uint8Array,
    headers: Readonly<Record<string, string>>,
  ): Promise<Answer> {
    return (await this.open(method, body, headers)).ended;
  }

  open(method: string, body: string | Uint8Array, headers: Readonly<Record<string, string>>): Promise<OpenAnswer> {
    return new Promise((resolve, reject) => {
      const path = '/api/v1';
      const options = { socketPath: this.#socketPath(), method, path, headers, agent: false };
      const sent = request(options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        const [status, type] = [response.statusCode ?? 0, response.headers['content-type'] ?? ''];
        const ended = new Promise<Answer>((finished, failed) => {
          response.on('error', failed);
          response.on('end', () => finished({ status, text, type }));
        });
        ended.catch(() => {}); // whoever leaves does not wait for it
        resolve({ status, text: () => text, leave: () => sent.destroy(), ended });
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  post(
    body: string | Uint8Array,
    headers: Readonly<Record<string, string>> = { 'content-type': JSON_TYPE },
  ): Promise<Answer> {
    return this.exchange('POST', body, headers);
  }

  call(type: string, fields?: object): Promise<Answer> {
    return this.post(bodyOf(type, fields));
  }

  /** The fields of the answer to a call that is expected to be served; they must be as the reference says. */
  // biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes, which the tests look into
  async ask(type: string, asked?: object): Promise<any> {
    const { status, text } = await this.call(type, asked);
    if (status !== 200) throw new Error(`${type}: ${status} ${text}`);
    const fields = JSON.parse(text)[type.toLowerCase()];
    ANSWER_SCHEMAS[type]?.parse(fields);
    return fields;
  }

  /** The call whose answer is a stream of records. */
  stream(type: string, fields: object, headers: Readonly<Record<string, string>> = {}): Promise<OpenAnswer> {
    return this.open('POST', bodyOf(type, fields), { 'content-type': JSON_TYPE, ...headers });
  }

  /** One stream of ATTACH_CONTAINER_INPUT. */
  input(...records: readonly object[]): Promise<Answer> {
    const calls = records.map((one) => ({ type: 'ATTACH_CONTAINER_INPUT', attach_container_input: one }));
    const body = Buffer.concat(calls.map((one) => encodeRecord(Buffer.from(JSON.stringify(one)))));
    return this.post(body, { 'content-type': RECORDS, 'message-content-type': JSON_TYPE });
  }
}

function bodyOf(type: string, fields: object | undefined): string {
  return JSON.stringify({ type, ...(fields === undefined ? {} : { [type.toLowerCase()]: fields }) });
}

/** An input record of what is typed. */
export function stdin(text: string): object {
  const data = { type: 'STDIN', data: Buffer.from(text).toString('base64') };
  return { type: 'PROCESS_IO', process_io: { type: 'DATA', data } };
}

const RECORD = z.union([processIoSchema, subscriptionSchema]);

/** The records of a stream, which must be as the reference says. */
export function recordsOf(text: string): readonly ProcessIo[] {
  const records = new RecordParser()
    .push(Buffer.from(text))
    .map((one) => JSON.parse(Buffer.from(one).toString('utf8')));
  for (const one of records) RECORD.parse(one);
  return records;
}

/** All output of a stream of records. */
export function printed(records: readonly ProcessIo[]): string {
  return records
    .map(({ data }) => (data === undefined ? '' : Buffer.from(data.data, 'base64').toString('utf8')))
    .join('');
}
