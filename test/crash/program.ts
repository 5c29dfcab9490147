/**
 * The process that is ended: `program ROOT STATE IMAGE NAME AT`. It opens an engine, prepares, and does the operation of this name; it ends with SIGKILL
 * before effect number AT of it, or says how many there were. With the name `recovery` the effects of opening the engine are counted.
 */
import { writeSync } from 'node:fs';
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { composeEngine } from '../../src/main/compose-engine.ts';
import { installationLayout } from '../../src/main/layout.ts';
import { prepareDirectories } from '../../src/main/start-agent.ts';
import { parseCgroupDriver } from '../../src/model/cgroup-driver.ts';
import { DEFAULT_NAMESPACE_POLICY } from '../../src/model/namespace-policy.ts';
import { CrashPoint, crashingEffects } from './crashing-effects.ts';
import { IMAGE_OPERATIONS } from './image-operations.ts';
import { BEFORE_RECOVERY, OPERATIONS, type Told } from './operations.ts';

/** Timers of what is over by then, such as the record of a process, are met too. */
const AFTERWARDS_MS = 60;

const [root = '', state = '', image = '', name = '', at = '0'] = process.argv.slice(2);
const point = new CrashPoint(Number(at));
const effects = crashingEffects(nodeEffects(), point);
// At once: what is told must be out before the end.
const tell = (told: Told): void => void writeSync(1, `${JSON.stringify(told)}\n`);

async function main(): Promise<void> {
  await prepareDirectories(effects, { root, state, launcher: 'linux' });
  if (name === 'recovery') point.begin();
  const engine = await composeEngine({
    ...{ root, state, effects, layout: installationLayout(), launcher: 'linux' },
    cgroupDriver: parseCgroupDriver(undefined, undefined),
    ...{ isolation: undefined, seccomp: undefined, rights: {}, hooksDirectory: undefined },
    namespacePolicy: DEFAULT_NAMESPACE_POLICY,
    locked: async () => {},
    lockLost: () => process.exit(1),
    report: () => {},
  });
  const operation = name === 'before recovery' ? BEFORE_RECOVERY : (OPERATIONS[name] ?? IMAGE_OPERATIONS[name]);
  if (operation !== undefined) {
    await operation.prepare({ engine, image, tell });
    point.begin();
    await operation.act({ engine, image, tell }).catch(() => {});
  }
  await new Promise((resolve) => setTimeout(resolve, AFTERWARDS_MS));
  tell({ kind: 'over', effects: point.names });
  process.kill(process.pid, 'SIGKILL');
}

void main();
