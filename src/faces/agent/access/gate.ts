import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../../base/effects.ts';
import type { Engine } from '../../../engine/facade.ts';
import type { RequestNote } from '../diagnostics/request-note.ts';
import type { AuditSink } from './audit.ts';
import type { Authenticator, Door } from './authenticate.ts';
import { ConfinedEngine } from './confined-engine.ts';
import { type Caller, callRefusal, isUnbounded, type Need } from './decide.ts';
import { SeenContainers } from './seen-containers.ts';
import { Visit } from './visit.ts';

export interface GateOptions {
  readonly authenticator: Authenticator;
  readonly audit: AuditSink;
}

/** What every request passes: who sends it, may he make such a call, and how much of the engine is his. */
export class Gate {
  readonly #options: GateOptions;
  readonly #clock: Clock;
  readonly #harmlessPaths: readonly string[];
  readonly #seen = new SeenContainers();

  /** @param harmlessPaths as {@link ConfinedEngine} takes them */
  constructor(options: GateOptions, clock: Clock, harmlessPaths: readonly string[]) {
    this.#options = options;
    this.#clock = clock;
    this.#harmlessPaths = harmlessPaths;
  }

  visit(request: IncomingMessage, door: Door, note: RequestNote): Visit {
    const [path = ''] = (request.url ?? '').split('?');
    return new Visit(note, door, `${request.method} ${path}`);
  }

  /** @throws {EngineError} `access.*` (unauthenticated, permission-denied) */
  async identify(visit: Visit, request: IncomingMessage): Promise<Caller> {
    const caller = await this.#options.authenticator.callerOf(request, visit.door);
    visit.caller = caller;
    return caller;
  }

  /** May the caller make this call? From here on the audit log knows it by its name. @throws {EngineError} `access.*` */
  admit(visit: Visit, call: { readonly route: string; readonly need: Need; readonly mutates: boolean }): void {
    visit.what = call.route;
    visit.mutates = call.mutates;
    if (visit.caller === undefined) throw new Error('a request is admitted before it is known whose it is');
    const refusal = callRefusal(visit.caller, call.need, call.route);
    if (refusal !== undefined) throw refusal;
  }

  /** The engine as this caller may use it. */
  engineFor(caller: Caller, engine: Engine): Engine {
    if (isUnbounded(caller.grant)) return engine;
    return new ConfinedEngine(engine, caller, { seen: this.#seen, harmlessPaths: this.#harmlessPaths });
  }

  end(visit: Visit): void {
    const record = visit.record(this.#clock);
    if (record !== undefined) this.#options.audit(record);
  }
}
