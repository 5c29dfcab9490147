/** A process with an engine of its own, to be killed: `engine-program.ts ROOT STATE '{"name": "shell command"}'`. */
import { createEngine } from '../../../src/main/index.ts';
import { shellConfig } from './shell-config.ts';

const [root = '', state = '', commands = '{}'] = process.argv.slice(2);
const engine = await createEngine({ root, state });
for (const [name, command] of Object.entries(JSON.parse(commands) as Record<string, string>)) {
  await engine.launch(shellConfig(name, command));
}
console.log('launched');
