import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import type { HelperConnection } from '../../../base/effects.ts';
import type { Engine } from '../../../engine/facade.ts';
import type { Need } from '../access/decide.ts';
import { readBody } from '../body.ts';
import type { LoggingLevel } from '../diagnostics/logging-level.ts';
import type { RequestNote } from '../diagnostics/request-note.ts';
import { type AnswerCodec, IdempotentAnswers, keyOf, requestKeyOf } from '../idempotency.ts';
import type { RequestJournal } from '../request-journal.ts';
import { sendRefusal } from '../send.ts';
import type { AgentFacts, CallAnswer } from './call-kind.ts';
import { idSchema, inputSchema, launchNestedSchema, subscribeSchema } from './call-schemas.ts';
import { PLAIN_CALLS, parseCall, parseFields } from './calls.ts';
import { type ContainerId, find } from './container-ids.ts';
import { operatorErrors } from './errors.ts';
import { JSON_TYPE, type Media, RECORD_IO, readMedia } from './media-types.ts';
import { attach, connectStream, discardOutput, outputRecords, type StreamPorts, sendInput } from './process-io.ts';
import { RecordParser } from './record-io.ts';
import { OperatorSessions, sessionRecords } from './sessions.ts';
import { launchRefusalOf, refusalOf, type TextAnswer } from './status.ts';
import { subscriptionRecords } from './subscription.ts';

export interface OperatorApiOptions extends StreamPorts {
  readonly about: AgentFacts;
  readonly logging: LoggingLevel;
  readonly journal: RequestJournal;
}

/** One request on its way to an answer. */
interface Exchange extends OperatorPorts {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** What the server does for a call. */
export interface OperatorPorts {
  /** False while the agent recovers or stops. */
  readonly isReady: boolean;
  /** The engine as the caller may use it for such a call. @throws {EngineError} `access.*` when he may not make it */
  engineFor(call: { readonly type: string; readonly need: Need }): Engine;
  /** Whose keys of repeatable calls these are. */
  callerName(): string;
  /** The call was answered with an error. @param on the container that it was about */
  failed(error: unknown, on: string | undefined): void;
  /** Aborts when the client goes or the agent stops. */
  readonly signal: AbortSignal;
  readonly note: RequestNote;
}

const OUTPUT = 'ATTACH_CONTAINER_OUTPUT';
const INPUT = 'ATTACH_CONTAINER_INPUT';
const SESSION = 'LAUNCH_NESTED_CONTAINER_SESSION';
const SUBSCRIBE = 'SUBSCRIBE';
/** What fails of these is told as a failed launch; another call of such a name is none of ours. */
const LAUNCHES: readonly string[] = ['LAUNCH_CONTAINER', 'LAUNCH_NESTED_CONTAINER', SESSION];

/** A call that may be repeated goes on when its client has gone: the repetition will want the answer. */
const UNENDING = new AbortController().signal;

const ANSWERS: AnswerCodec<CallAnswer> = { write: (answer) => answer, read: (written) => written as CallAnswer };

/** Where what a client types goes. */
interface Input {
  readonly connection: HelperConnection;
  readonly close: () => void;
}

/** `POST /api/v1`: the operator API of a Mesos agent (mesos.md §3.1), over our engine. */
export class OperatorApi {
  readonly path = '/api/v1';
  readonly #options: OperatorApiOptions;
  readonly #sessions: OperatorSessions;
  readonly #answers: IdempotentAnswers<CallAnswer>;

  constructor(options: OperatorApiOptions) {
    this.#options = options;
    this.#sessions = new OperatorSessions(options);
    const { clock, journal } = options;
    this.#answers = new IdempotentAnswers({ clock, journal, face: 'operator', codec: ANSWERS });
  }

  /** Answers one request. Never rejects for what a client does. */
  async serve(request: IncomingMessage, response: ServerResponse, ports: OperatorPorts): Promise<void> {
    const media = readMedia(request.headers);
    const exchange = { request, response, ...ports };
    if (request.method !== 'POST') {
      this.#refuse(exchange, {
        status: 405,
        text: `expecting POST, not ${request.method}`,
        headers: { allow: 'POST' },
      });
    } else if (!ports.isReady) this.#refuse(exchange, refusalOf(operatorErrors.recovering()));
    else if ('status' in media) this.#refuse(exchange, media);
    else await this.#answer(exchange, media);
  }

  #refuse({ request, response }: Exchange, answer: TextAnswer): void {
    const type = 'text/plain; charset=utf-8';
    sendRefusal(request, response, { ...answer, type, clock: this.#options.clock });
  }

  async #answer(exchange: Exchange, media: Media): Promise<void> {
    const { response, note } = exchange;
    let type = '';
    let on: string | undefined;
    try {
      if (media.request === 'stream') {
        note.call = INPUT;
        await this.#takeInput(exchange);
        return;
      }
      const { type: named, fields } = parseCall(await readBody(exchange.request, this.#options.clock));
      type = named;
      on = nameIn(fields);
      if (type === OUTPUT || type === SESSION || Object.hasOwn(PLAIN_CALLS, type)) note.call = type;
      if (type === OUTPUT) await this.#sendOutput(exchange, media, fields);
      else if (type === SESSION) await this.#runSession(exchange, media, fields);
      else if (type === SUBSCRIBE) await this.#subscribe(exchange, media, fields);
      else await this.#call(exchange, media, { type, fields });
    } catch (error) {
      exchange.failed(error, on);
      if (response.headersSent) response.destroy();
      else this.#refuse(exchange, LAUNCHES.includes(type) ? launchRefusalOf(error) : refusalOf(error));
    }
  }

  async #call(
    exchange: Exchange,
    media: Media,
    { type, fields }: { readonly type: string; readonly fields: unknown },
  ): Promise<void> {
    const { request, response, engineFor, callerName, signal } = exchange;
    if (type === INPUT) {
      this.#refuse(exchange, { status: 415, text: `${INPUT} is a stream: send ${RECORD_IO}` });
      return;
    }
    const kind = Object.hasOwn(PLAIN_CALLS, type) ? PLAIN_CALLS[type] : undefined;
    if (kind === undefined) throw operatorErrors.unknownCall({ type });
    if (!media.takesJson || media.saysOfRecords) {
      const text = media.takesJson ? `Message-Accept is for ${RECORD_IO} alone` : `${type} answers with ${JSON_TYPE}`;
      this.#refuse(exchange, { status: 406, text });
      return;
    }
    if (kind.needsFields === true && fields === undefined) {
      throw operatorErrors.invalidCall({ reason: `expecting an object ${type.toLowerCase()}` });
    }
    const engine = engineFor({ type, need: kind.needs });
    const parsed = parseFields(kind.schema, fields, type.toLowerCase());
    const { clock, about, logging } = this.#options;
    const context = { engine, clock, about, logging, sessions: this.#sessions };
    const key = kind.needs.role === 'read' ? undefined : keyOf(request.headers);
    const { isUnwritten } = kind;
    const call = { request: type, content: fields, isUnwritten };
    const repeatable = key === undefined ? undefined : { key, of: callerName(), ...call };
    const { status, body } =
      repeatable === undefined
        ? await kind.handle(parsed, { ...context, signal })
        : await this.#answers.answer(repeatable, (begun) =>
            kind.handle(parsed, { ...context, begun, requestKey: requestKeyOf(repeatable), signal: UNENDING }),
          );
    const text = body === undefined ? '' : JSON.stringify(body);
    response.writeHead(status, body === undefined ? {} : { 'content-type': JSON_TYPE });
    response.end(text);
  }

  async #sendOutput(exchange: Exchange, media: Media, fields: unknown): Promise<void> {
    const { signal } = exchange;
    const engine = exchange.engineFor({ type: OUTPUT, need: { role: 'read', of: 'containers' } });
    const { container_id: id } = parseFields(idSchema, fields, OUTPUT.toLowerCase());
    const session = await this.#sessions.process(engine, id);
    const connection =
      session?.sessionId === undefined
        ? await attach(this.#options, engine, { id: (await find(engine, id)).uid, stdin: false })
        : await this.#observeSession(engine, session.sessionId);
    await sendRecords(exchange, media, outputRecords(connection, this.#options.clock, signal));
  }

  async #observeSession(engine: Engine, id: string): Promise<HelperConnection> {
    return connectStream(this.#options, await engine.attachSession(id), { id, role: 'observer', stdin: false });
  }

  /** A session is its client's: it ends when that one leaves. */
  async #runSession(exchange: Exchange, media: Media, fields: unknown): Promise<void> {
    const { response, signal } = exchange;
    const engine = exchange.engineFor({ type: SESSION, need: { role: 'operate', of: 'containers' } });
    const session = await this.#sessions.open(engine, parseFields(launchNestedSchema, fields, SESSION.toLowerCase()));
    if (session === undefined) response.writeHead(202).end();
    else await sendRecords(exchange, media, sessionRecords(session, this.#options.clock, signal));
  }

  async #subscribe(exchange: Exchange, media: Media, fields: unknown): Promise<void> {
    const { signal } = exchange;
    const engine = exchange.engineFor({ type: SUBSCRIBE, need: { role: 'read', of: 'containers' } });
    const { position } = parseFields(subscribeSchema, fields, SUBSCRIBE.toLowerCase());
    const records = subscriptionRecords(engine, this.#options.clock, { position, signal });
    // What is wrong with the position is told before the answer begins.
    const first = await records.next();
    await sendRecords(exchange, media, first.done === true ? [] : withFirst(first.value, records));
  }

  /** Records until the client ends its request; the answer comes then. */
  async #takeInput({ request, response, engineFor }: Exchange): Promise<void> {
    const engine = engineFor({ type: INPUT, need: { role: 'operate', of: 'containers' } });
    const parser = new RecordParser();
    let input: Input | undefined;
    try {
      // Whoever leaves it early has not ended the connection, which is to bring the answer.
      for await (const chunk of request.iterator({ destroyOnReturn: false })) {
        for (const record of parser.push(chunk as Buffer)) {
          const parsed = parseInput(record);
          if (parsed.type === 'CONTAINER_ID') {
            if (input !== undefined)
              throw operatorErrors.invalidCall({ reason: 'a second CONTAINER_ID in one stream' });
            input = await this.#openInput(engine, parsed.container_id);
          } else if (input === undefined) {
            throw operatorErrors.invalidCall({ reason: 'expecting CONTAINER_ID before any PROCESS_IO' });
          } else {
            await sendInput(input.connection, parsed.process_io);
          }
        }
      }
      parser.end();
      if (input === undefined) throw operatorErrors.invalidCall({ reason: 'the stream names no container' });
      response.writeHead(200);
      response.end();
    } finally {
      input?.close();
    }
  }

  /** That of a session is the one of its client, which stays when we leave. */
  async #openInput(engine: Engine, id: ContainerId): Promise<Input> {
    const held = await this.#sessions.input(engine, id);
    if (held !== undefined) return { connection: held, close: () => {} };
    const connection = await attach(this.#options, engine, { id: (await find(engine, id)).uid, stdin: true });
    void discardOutput(connection);
    return { connection, close: () => connection.close() };
  }
}

/** What a call says that it is about, for the audit log. */
function nameIn(fields: unknown): string | undefined {
  const parsed = z.looseObject({ container_id: z.looseObject({ value: z.string().max(256) }) }).safeParse(fields);
  return parsed.data?.container_id.value;
}

async function* withFirst<Value>(first: Value, rest: AsyncIterable<Value>): AsyncGenerator<Value> {
  yield first;
  yield* rest;
}

async function sendRecords(
  { response, signal }: Exchange,
  { takesRecords }: Media,
  records: AsyncIterable<Uint8Array> | readonly Uint8Array[],
): Promise<void> {
  const type = takesRecords ? RECORD_IO : JSON_TYPE;
  response.writeHead(200, { 'content-type': type, ...(takesRecords ? { 'message-content-type': JSON_TYPE } : {}) });
  response.flushHeaders();
  for await (const record of records) {
    if (response.destroyed) return;
    if (!response.write(record)) await drained(response, signal);
  }
  response.end();
}

/** @throws {EngineError} `operator.invalidCall` */
function parseInput(record: Uint8Array) {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(record).toString('utf8'));
  } catch (error) {
    throw operatorErrors.invalidCall({ reason: `a record is not JSON: ${(error as Error).message}` });
  }
  const { type, fields } = parseCall(value);
  if (type !== INPUT) throw operatorErrors.invalidCall({ reason: `a record of type ${type} in a stream of ${INPUT}` });
  return parseFields(inputSchema, fields, INPUT.toLowerCase());
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = (): void => {
      response.off('drain', over);
      response.off('close', over);
      signal.removeEventListener('abort', over);
      resolve();
    };
    response.once('drain', over);
    response.once('close', over);
    signal.addEventListener('abort', over, { once: true });
    if (response.destroyed) over();
  });
}
