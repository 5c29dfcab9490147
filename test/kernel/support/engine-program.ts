/**
 * A process with an engine of its own: `engine-program.ts ROOT STATE '{"name": "shell command"}' driver=DRIVER [close]`. It is there to be
 * killed, or it closes its engine and ends by itself.
 */
import { createEngine } from '../../../src/main/index.ts';
import { shellConfig } from './shell-config.ts';

const [root = '', state = '', commands = '{}', driver, end] = process.argv.slice(2);
const cgroupDriver = driver === 'driver=systemd' ? 'systemd' : 'cgroupfs';
const engine = await createEngine({ root, state, cgroupDriver });
for (const [name, command] of Object.entries(JSON.parse(commands) as Record<string, string>)) {
  await engine.launch(shellConfig(name, command));
}
console.log('launched');
if (end === 'close') await engine.close();
