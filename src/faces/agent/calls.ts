import type { IncomingMessage } from 'node:http';
import { withDeadline } from '../../base/deadline.ts';
import type { Clock, Files } from '../../base/effects.ts';
import type { Engine } from '../../engine/facade.ts';
import type { Gate } from './access/gate.ts';
import type { Visit } from './access/visit.ts';
import { readBody } from './body.ts';
import { agentErrors } from './errors.ts';
import { type AnswerCodec, type BegunRequest, IdempotentAnswers, keyOf, requestKeyOf } from './idempotency.ts';
import type { AgentVersion } from './other-routes.ts';
import type { RequestJournal } from './request-journal.ts';
import { type Answer, decodeSegment, findRoute, type Match, type RawCall, type Route } from './router.ts';

/** Header that names the root directory that a client wants, percent-encoded. */
const ROOT_HEADER = 'isopod-root';

export interface CallsOptions {
  readonly files: Files;
  readonly clock: Clock;
  readonly version: AgentVersion;
  readonly gate: Gate;
  readonly routes: readonly Route[];
  readonly journal: RequestJournal;
}

/** The calls of an agent from the request to the answer, whichever way the bytes go. */
export class Calls {
  readonly #options: CallsOptions;
  readonly #answers: IdempotentAnswers<Answer>;
  /** What ends the calls under way. */
  readonly #running = new Set<AbortController>();
  #engine: Engine | undefined;
  #isStopping = false;

  constructor(options: CallsOptions) {
    this.#options = options;
    const { clock, journal } = options;
    this.#answers = new IdempotentAnswers({ clock, journal, face: 'v1', codec: JSON_ANSWERS });
  }

  /** Recovery is done: calls are answered from now on. */
  begin(engine: Engine): void {
    this.#engine = engine;
  }

  /** Ends streams and long polls, and refuses what comes. */
  stop(): void {
    this.#isStopping = true;
    for (const call of this.#running) call.abort(agentErrors.stopping());
  }

  get isReady(): boolean {
    return !this.#isStopping && this.#engine !== undefined;
  }

  /** What the agent's stop ends, besides what is under way here. */
  async whileRunning<Result>(end: AbortController, work: () => Promise<Result>): Promise<Result> {
    this.#running.add(end);
    try {
      if (this.#isStopping) end.abort(agentErrors.stopping());
      return await work();
    } finally {
      this.#running.delete(end);
    }
  }

  /** Finds the route, and makes the call if it may be made. */
  async answer(request: IncomingMessage, visit: Visit, gone: AbortController): Promise<Answer> {
    const url = new URL(request.url ?? '/', 'http://agent');
    const match = findRoute(this.#options.routes, request.method ?? 'GET', url.pathname);
    const { route, params } = match;
    visit.note.route = route.path;
    if (route.needs.of === 'container') visit.note.container = params.id;
    const mutates = route.method !== 'GET' || ['tunnel', 'archive'].includes(route.answer.kind);
    visit.on = params.id ?? params.name;
    this.#options.gate.admit(visit, { route: `${route.method} ${route.path}`, need: route.needs, mutates });
    await this.#checkRoot(request.headers[ROOT_HEADER]);
    const body = route.upload === undefined ? await readBody(request, this.#options.clock) : undefined;
    const engine = this.engineFor(visit);
    // A request that may be repeated goes on when its client has gone: the repetition will want the answer.
    const isRepeatable = route.method !== 'GET' && route.once !== true;
    const key = isRepeatable ? keyOf(request.headers) : undefined;
    const named = key === undefined ? undefined : { key, of: visit.caller?.name ?? '' };
    const requestKey = named === undefined ? undefined : requestKeyOf(named);
    const raw = { engine, params, query: url.searchParams, body, uploaded: uploadOf(request), requestKey };
    const run = (end: AbortController, begun?: BegunRequest): Promise<Answer> =>
      this.#handle(match, { ...raw, signal: end.signal, begun, params: paramsOf(raw, begun) }, end);
    const subject = mutates && route.needs.of === 'container' ? await this.#uidOf(engine, params.id ?? '') : undefined;
    visit.on = subject ?? visit.on;
    if (named === undefined) return run(gone);
    const content = [url.search, body];
    const isUnwritten = route.isUnwritten === true || !['json', 'json or lines'].includes(route.answer.kind);
    const repeatable = { ...named, request: `${route.method} ${url.pathname}`, content, subject, isUnwritten };
    return this.#answers.answer(repeatable, (begun) => run(new AbortController(), begun));
  }

  /** What the caller may use of the engine. @throws {EngineError} `agent.stopping`, `agent.recovering` */
  engineFor({ caller }: Visit): Engine {
    const engine = this.#engine;
    if (this.#isStopping) throw agentErrors.stopping();
    if (engine === undefined || caller === undefined) throw agentErrors.recovering();
    return this.#options.gate.engineFor(caller, engine);
  }

  /** A name says little once its container is gone. */
  async #uidOf(engine: Engine, id: string): Promise<string | undefined> {
    return (await engine.check(id).catch(() => undefined))?.uid;
  }

  /** A client that asks for another root directory must not be given the containers of ours. */
  async #checkRoot(header: string | readonly string[] | undefined): Promise<void> {
    if (typeof header !== 'string') return;
    const { rootDir, stateDir, pid } = this.#options.version;
    const wanted = decodeSegment(header);
    if (wanted === rootDir) return;
    const [ours, theirs] = await Promise.all([rootDir, wanted].map((path) => this.#realPath(path)));
    if (ours !== theirs) throw agentErrors.otherRoot({ stateDir, rootDir, wanted, pid });
  }

  /** @returns the path itself when nothing is there */
  #realPath(path: string): Promise<string> {
    return this.#options.files.realPath(path).catch(() => path);
  }

  /** @param end ends the call: aborted by its client's leaving, by the deadline, and when the agent stops */
  async #handle({ route }: Match, call: RawCall, end: AbortController): Promise<Answer> {
    this.#running.add(end);
    try {
      const work = route.handle(call);
      if (route.deadlineMs === 'none') return await work;
      const { deadlineMs } = route;
      const expired = (): Error => {
        const error = agentErrors.deadline({ route: `${route.method} ${route.path}`, deadlineMs });
        end.abort(error);
        return error;
      };
      return await withDeadline(this.#options.clock, work, { ms: deadlineMs, expired });
    } finally {
      this.#running.delete(end);
    }
  }
}

/** Whoever leaves it early has not ended the connection, which is to bring the answer. */
function uploadOf(request: IncomingMessage): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => request.iterator({ destroyOnReturn: false }) };
}

/** A request that an earlier agent has begun with is about what it was about then, whatever has the name by now. */
function paramsOf({ params }: Pick<RawCall, 'params'>, begun: BegunRequest | undefined): RawCall['params'] {
  return begun?.subject === undefined ? params : { ...params, id: begun.subject };
}

/** Of answers that are JSON; others are told by no agent but the one that made them. */
const JSON_ANSWERS: AnswerCodec<Answer> = {
  write: (answer) => (answer.kind === 'json' ? { status: answer.status, body: answer.body } : undefined),
  read: (written) => {
    const { status, body } = written as { readonly status: number; readonly body: unknown };
    return { kind: 'json', status, body };
  },
};
