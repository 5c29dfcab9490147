/** Pulls one image and prints its id: a process that a test kills while it works. ROOT SOCKET REFERENCE */
import { nodeEffects } from '../../src/base/effects/node-effects.ts';
import { createImages } from '../../src/image/image-store.ts';
import { connectWorker } from '../../src/linux/helper-worker.ts';

const [root = '', socket = '', reference = ''] = process.argv.slice(2);
const effects = nodeEffects();
const images = createImages({
  effects,
  root,
  connectWorker: (signal) => connectWorker(effects, socket, signal),
  embeddedPrograms: {},
});
process.stdout.write('pulling\n');
process.stdout.write(`${(await images.pull(reference)).id}\n`);
