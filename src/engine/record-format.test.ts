import { expect, test } from 'vitest';
import { parseContainerRecord, parseProcessRecord, parseRunRecord, parseTerminationRecord } from './record-format.ts';

const UID = 'aabbccddeeff';
const RECORD = {
  ...{ schemaVersion: 1, uid: UID, createdAtMs: 1, bootId: 'boot', stopSignal: 15, command: ['true'], isolators: [] },
  config: {
    ...{ name: 'one', autoRemove: false, terminal: false, stdin: false, labels: {}, rootfs: { kind: 'none' } },
    log: { format: 'cri' },
  },
};

test('what was written is read back', () => {
  expect(parseContainerRecord(UID, structuredClone(RECORD))).toEqual(RECORD);
});

test.each([
  ['another schema version', { ...RECORD, schemaVersion: 2 }, 'has schema version 2, this engine knows 1'],
  ['the uid of another container', { ...RECORD, uid: '001122334455' }, 'field uid is "001122334455"'],
  ['no config', { ...RECORD, config: undefined }, 'field config is missing'],
  ['a list', [], 'field (all) is []'],
  ['an unknown log format', { ...RECORD, config: { ...RECORD.config, log: { format: 'x' } } }, 'field format is "x"'],
])('a record with %s is refused by naming it', (_what, value, message) => {
  expect(() => parseContainerRecord(UID, value)).toThrow(message);
});

test('a control ticket must be one', () => {
  const run = { schemaVersion: 1, bootId: 'boot', controlTicket: 'short', plan: {} };
  expect(() => parseRunRecord(UID, run)).toThrow('field controlTicket is "short"');
});

test('a start time is text of digits, for a number would lose some', () => {
  const record = { schemaVersion: 1, bootId: 'boot', pid: 1, startTime: '18446744073709551615', startedAtMs: 1 };
  expect(parseProcessRecord(record)).toEqual(record);
  expect(() => parseProcessRecord({ ...record, startTime: 5 })).toThrow('field startTime is 5');
});

test('a termination without an exit status is refused', () => {
  const termination = { reason: 'exited', message: '', limitations: [], finishedAtMs: 1 };
  expect(() => parseTerminationRecord({ schemaVersion: 1, termination })).toThrow('field exitStatus is missing');
});
