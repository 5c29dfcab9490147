import { expect, test } from 'vitest';
import { parseContainerUid } from '../model/container-id.ts';
import type { ContainerRecord, Loaded, RunRecord, TerminationRecord } from './record-format.ts';
import type { LoadedContainer } from './records.ts';
import { decideRecovery, levelsOf } from './recovery-decision.ts';

const ABSENT = { kind: 'absent' } as const;
const RECORD = {
  ...{ schemaVersion: 1, uid: parseContainerUid('aabbccddeeff'), bootId: 'this boot', createdAtMs: 1, stopSignal: 15 },
  ...{ imageId: undefined, command: [], isolators: [] },
};

function found(parts: {
  readonly record?: {
    readonly autoRemove?: boolean;
    readonly bootId?: string;
    readonly hasRun?: boolean;
    readonly parent?: string;
  };
  readonly run?: boolean;
  readonly ended?: boolean;
}): LoadedContainer {
  const { record, run = false, ended = false } = parts;
  const value = { ...RECORD, ...record, config: { autoRemove: record?.autoRemove ?? false, parent: record?.parent } };
  return {
    record: record === undefined ? ABSENT : ({ kind: 'present', value } as unknown as Loaded<ContainerRecord>),
    run: run ? ({ kind: 'present', value: {} } as Loaded<RunRecord>) : ABSENT,
    termination: ended ? ({ kind: 'present', value: {} } as Loaded<TerminationRecord>) : ABSENT,
    process: ABSENT,
  };
}

const PARENT = parseContainerUid('ffeeddccbbaa');
const NOW = { bootId: 'this boot', isContainer: () => false };

const decide = (loaded: LoadedContainer): string => decideRecovery(loaded, NOW).kind;

test('what has no record is swept', () => {
  expect(decide(found({ run: true }))).toBe('sweep');
});

test('what has a record and no plan in the same boot was never started, and is swept', () => {
  expect(decide(found({ record: {} }))).toBe('sweep');
});

test('what was started again has run, even when neither a plan nor an end is left', () => {
  expect(decide(found({ record: { hasRun: true } }))).toBe('reconnect');
});

test('what has both is looked for', () => {
  expect(decide(found({ record: {}, run: true }))).toBe('reconnect');
});

test('what has ended stays, whatever boot it ended in', () => {
  expect(decide(found({ record: { bootId: 'another' }, ended: true }))).toBe('terminated');
});

test('what ran in another boot went down with the host, and is swept when it is removed with its end', () => {
  expect(decide(found({ record: { bootId: 'another' }, run: true }))).toBe('rebooted');
  expect(decide(found({ record: { bootId: 'another', autoRemove: true } }))).toBe('sweep');
});

test('a damaged record is reported and its files stay', () => {
  const damaged = { kind: 'damaged', file: 'config.json', error: new Error('no JSON') } as const;
  expect(decideRecovery({ ...found({ run: true }), record: damaged }, NOW)).toEqual(damaged);
});

test('what has ended stays when the record of its end is damaged, unless its monitor may tell more', () => {
  const termination = { kind: 'damaged', file: 'termination.json', error: new Error('no JSON') } as const;
  expect(decide({ ...found({ record: {} }), termination })).toBe('end-unreadable');
  expect(decide({ ...found({ record: { bootId: 'another' }, run: true }), termination })).toBe('end-unreadable');
  expect(decide({ ...found({ record: {}, run: true }), termination })).toBe('reconnect');
});

test('what lived in a container that is no more is swept, whether it runs or has ended', () => {
  const nested = { record: { parent: PARENT } };
  expect(decide(found({ ...nested, run: true }))).toBe('sweep');
  expect(decide(found({ ...nested, run: true, ended: true }))).toBe('sweep');
  const isContainer = (uid: string) => uid === PARENT;
  expect(decideRecovery(found({ ...nested, run: true }), { bootId: 'this boot', isContainer }).kind).toBe('reconnect');
});

test('containers are found before those that live in them, and a circle of them is no trap', () => {
  const uid = (digit: string) => parseContainerUid(digit.repeat(12));
  const at = (digit: string, parent?: string) =>
    [uid(digit), found({ record: parent === undefined ? {} : { parent: uid(parent) } })] as const;
  const levels = levelsOf(new Map([at('3', '2'), at('2', '1'), at('1'), at('4', '9')]));
  expect(levels.map((level) => level.map(([one]) => one))).toEqual([[uid('1'), uid('4')], [uid('2')], [uid('3')]]);
  expect(levelsOf(new Map([at('5', '6'), at('6', '5')])).flat()).toHaveLength(2);
});
