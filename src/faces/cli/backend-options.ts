import { type Command, Option } from 'commander';
import { BACKENDS } from '../../model/backend.ts';

const OF_CONTAINER =
  'how the image becomes a root file system, in place of what works best here: bind for one layer, read-only';
const OF_AGENT = 'how images become root file systems, of containers that do not say';

/** How images become root file systems: of one container, or of all that an agent launches. */
export function addBackendOption<Extended extends Command>(command: Extended, whose: 'container' | 'agent'): Extended {
  const what = whose === 'container' ? OF_CONTAINER : OF_AGENT;
  return command.addOption(new Option('--backend <name>', what).choices(BACKENDS));
}
