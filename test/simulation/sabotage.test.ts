import { expect, test } from 'vitest';
import type { Files } from '../../src/base/effects.ts';
import { simulate } from './simulation.ts';
import type { Sabotage } from './world.ts';

/** Seeds that a broken engine may survive before the simulation counts as blind. */
const PATIENCE = 700;
/** What clients do where only few things that they do can meet the fault; everything elsewhere. */
const FAVOURED: Readonly<Record<string, readonly string[]>> = {
  'forgets to remove the record before the rest': ['remove', 'destroy'],
  'does not note an update before its first knob': ['update'],
  'forgets what a container lives in': ['nest'],
};

/** Replaces the files of an engine by broken ones. */
function withFiles(broken: (files: Files) => Partial<Files>): Sabotage {
  return (effects) => ({ ...effects, files: { ...effects.files, ...broken(effects.files) } });
}

const SABOTAGES: Readonly<Record<string, Sabotage>> = {
  'sends start before its checkpoint is written': withFiles((files) => ({
    writeAtomic: async (path, content, options) => {
      const written = files.writeAtomic(path, content, options);
      if (!/\/(config|plan)\.json$/.test(path)) return written;
      written.catch(() => {}); // the directory may be gone by then
    },
  })),
  'does not note an update before its first knob': withFiles((files) => ({
    writeAtomic: async (path, content, options) => {
      if (!path.endsWith('/update.json')) await files.writeAtomic(path, content, options);
    },
  })),
  'does not sync the record of a container': withFiles((files) => ({
    writeAtomic: (path, content, options) => files.writeAtomic(path, content, { ...options, durability: 'volatile' }),
  })),
  'forgets what a container lives in': withFiles((files) => ({
    writeAtomic: (path, content, options) =>
      files.writeAtomic(path, String(content).replace(/"parent":"[0-9a-f]{12}",/, ''), options),
  })),
  'does not sync directories': withFiles(() => ({ syncDirectory: async () => {} })),
  'forgets to remove the record before the rest': withFiles((files) => ({
    removeFile: async (path) => {
      if (!path.endsWith('/config.json')) await files.removeFile(path);
    },
  })),
  'leaves the sockets of killed monitors': withFiles((files) => ({
    removeFile: async (path) => {
      if (!path.includes('/s/')) await files.removeFile(path);
    },
  })),
  'takes every boot for the same': withFiles((files) => ({
    readText: async (path) => (path.endsWith('/boot_id') ? 'boot-1\n' : files.readText(path)),
  })),
};

for (const [name, sabotage] of Object.entries(SABOTAGES)) {
  test(`the simulation notices an engine that ${name}`, async () => {
    const seeds = Array.from({ length: PATIENCE }, (_, index) => index + 1);
    let noticed: unknown;
    for (const seed of seeds) {
      noticed = await simulate(seed, { sabotage, favoured: FAVOURED[name] }).catch((error: unknown) => error);
      if (noticed !== undefined) break;
    }
    expect(noticed).toMatchObject({ message: expect.stringContaining('ISOPOD_SEED=') });
  }, 240_000);
}
