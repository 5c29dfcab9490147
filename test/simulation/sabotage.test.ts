import { expect, test } from 'vitest';
import { crashEverywhere } from './crash-points.ts';
import { CRASH_SCENARIOS } from './crash-scenarios.ts';
import { FAULTS_OF_FILES, FAULTS_OF_FRAMES } from './planted-faults.ts';
import { simulate } from './simulation.ts';

/** Seeds that a broken engine may survive before the simulation counts as blind. */
const PATIENCE = 1500;
/** What clients do where only few things that they do can meet the fault; everything elsewhere. */
const FAVOURED: Readonly<Record<string, readonly string[]>> = {
  'does not note an update before its first knob': ['update'],
  'forgets what a container lives in': ['nest'],
};

test.each(Object.entries({ ...FAULTS_OF_FILES, ...FAULTS_OF_FRAMES }))(
  'the simulation notices an engine that %s',
  async (name, sabotage) => {
    let noticed: unknown;
    for (let seed = 1; seed <= PATIENCE && noticed === undefined; seed++) {
      const playing = simulate(seed, { sabotage, favoured: FAVOURED[name] });
      noticed = await playing.catch((error: unknown) => error);
    }
    expect(noticed).toMatchObject({ message: expect.stringContaining('ISOPOD_SEED=') });
  },
  240_000,
);

/** Which operation meets a fault when the engine, or its host, is ended after each of its steps. */
const MET_BY: Readonly<Record<string, readonly [scenario: string, kind: 'kill' | 'power cut']>> = {
  'loses the record of a container': ['a launch', 'kill'],
  'loses what finds a monitor again': ['a launch', 'kill'],
  'sends start before its checkpoint is written': ['a launch', 'kill'],
  'does not sync the record of a container': ['a launch', 'power cut'],
  'does not sync directories': ['a launch', 'power cut'],
  'skips the removal of groups': ['a launch', 'kill'],
  'never lets a monitor go': ['a launch', 'kill'],
  'takes a monitor that is there for gone': ['a session', 'kill'],
  'overlooks containers when it starts': ['a start', 'kill'],
  'leaves unfinished files': ['a launch', 'power cut'],
  'takes every boot for the same': ['a launch', 'power cut'],
  'forgets what a container lives in': ['a nested launch', 'kill'],
  'does not note an update before its first knob': ['an update', 'kill'],
  'keeps the note of an update that is done': ['an update', 'kill'],
  'writes half of the knobs of an update': ['an update', 'kill'],
  'records another exit status': ['an end by itself', 'kill'],
  'loses the record of an end': ['an end by itself', 'kill'],
  'tells every end as a success': ['an end by itself', 'kill'],
  'forgets to remove the record before the rest': ['a removal of one that has ended', 'kill'],
};

/** Of the order in which things happen; one is enough, whichever it is. */
const SEED = 1;

test.each(Object.entries(MET_BY))(
  'crashes after every step show an engine that %s',
  async (fault, [operation, kind]) => {
    const sabotage = { ...FAULTS_OF_FILES, ...FAULTS_OF_FRAMES }[fault];
    const scenario = CRASH_SCENARIOS[operation];
    if (sabotage === undefined || scenario === undefined)
      throw new Error('there is no such fault, or no such scenario');
    const playing = crashEverywhere(operation, scenario, { seed: SEED, kind, sabotage });
    await expect(playing).rejects.toThrow(`${operation}, ${kind} after steps`);
  },
  240_000,
);
