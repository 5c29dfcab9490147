import type { HealthState } from './health-decision.ts';
import { Fields, isFiniteNumber, isText } from './record-format.ts';
import { isMarkOrAbsent } from './request-mark.ts';
import type { RestartState } from './restart-decision.ts';

/** What is known of the restarts of a container with a policy, and in which boot that was decided. */
export interface RestartRecord {
  readonly schemaVersion: 1;
  readonly bootId: string;
  readonly state: RestartState;
}

/** What is asked of a container again and again; each has a record of its own. */
export type CheckKind = 'health' | 'readiness';

/** How a running container was by its last change, in this boot only. */
export interface HealthRecord {
  readonly schemaVersion: 1;
  readonly bootId: string;
  readonly state: HealthState;
}

/** @throws {EngineError} `record.malformed`, `record.schemaVersion` */
export function parseRestartRecord(value: unknown): RestartRecord {
  const fields = new Fields('restart.json', value);
  fields.require('bootId', isText);
  const state = new Fields('restart.json: state', fields.object('state'), { versioned: false });
  state.require('count', isFiniteNumber);
  state.require('streak', isFiniteNumber);
  state.require('isStopped', (found) => typeof found === 'boolean');
  state.require('askedFor', isMarkOrAbsent);
  for (const field of ['decidedAtMs', 'dueAtMs'])
    state.require(field, (one) => one === undefined || isFiniteNumber(one));
  return value as RestartRecord;
}

/** @throws {EngineError} `record.malformed`, `record.schemaVersion` */
export function parseHealthRecord(value: unknown, kind: CheckKind): HealthRecord {
  const fields = new Fields(`${kind}.json`, value);
  fields.require('bootId', isText);
  const state = new Fields(`${kind}.json: state`, fields.object('state'), { versioned: false });
  state.require('status', (found) => found === 'starting' || found === 'healthy' || found === 'unhealthy');
  state.require('failingStreak', isFiniteNumber);
  state.require('probes', Array.isArray);
  return value as HealthRecord;
}
