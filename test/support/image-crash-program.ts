/**
 * Does one thing with the images of a root directory, and is ended with SIGKILL before the effect that was chosen: ROOT SOCKET
 * OPERATION REFERENCE AT. Prints how many effects there were, if it comes to its end.
 */
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { createImages } from '../../src/image/image-store.ts';
import { connectWorker } from '../../src/linux/helper-worker.ts';
import { CrashPoint, crashingEffects } from '../crash/crashing-effects.ts';

const [root = '', socket = '', operation = '', reference = '', at = ''] = process.argv.slice(2);
const point = new CrashPoint(Number(at));
const effects = crashingEffects(nodeEffects(), point);
const connect = (signal?: AbortSignal) => connectWorker(effects, socket, signal);
const images = createImages({ effects, root, connectWorker: connect, embeddedPrograms: {} });
const inUse = () => new Set<never>();
const removal = { inUse, remove: (id: Parameters<typeof images.layerDirectory>[0]) => images.remove(id, inUse) };

const OPERATIONS: Readonly<Record<string, () => Promise<unknown>>> = {
  pull: () => images.pull(reference),
  remove: () => images.remove(reference, inUse),
  prune: () => images.upkeep.prune({ all: true, excluded: [], labels: [], withoutLabels: [], dryRun: false }, removal),
  repair: () => images.upkeep.verify({ images: [], repair: true }, { inUse, signal: new AbortController().signal }),
  recover: () => images.recover(),
};

const run = OPERATIONS[operation];
if (run === undefined) throw new Error(`no operation ${operation}`);
point.begin();
await run();
process.stdout.write(`${point.names.length}\n`);
