import type { BackendName } from '../model/backend.ts';
import type { Backend, Obstacle, StoredLayer } from './backend.ts';
import { provisionerErrors } from './errors.ts';
import type { RootfsRequest } from './provisioner.ts';

/** What is tried in turn where nobody has chosen; the last always works. */
const AUTOMATIC: readonly BackendName[] = ['overlay', 'bind', 'copy'];

/** What a choice depends on. */
export interface ChoiceFacts {
  readonly image: string;
  readonly layers: readonly StoredLayer[];
  readonly request: RootfsRequest;
  /** For containers that ask for none. */
  readonly agentsChoice: BackendName | undefined;
}

/**
 * The backend of a container: what it had, what it asks for, what the agent was told, or the first that works.
 *
 * @throws {EngineError} `provisioner.unfit`, `provisioner.unusable` (failed-precondition) for one that was asked for
 */
export async function chooseBackend(
  backends: Readonly<Record<BackendName, Backend>>,
  facts: ChoiceFacts,
): Promise<{ readonly backend: Backend; readonly because: string }> {
  const { settled, asked } = facts.request;
  if (settled !== undefined) return { backend: backends[settled.name], because: settled.because };
  const name = asked ?? facts.agentsChoice;
  if (name === undefined) return chooseItself(backends, facts);
  const chosenBy = asked === undefined ? 'the agent' : 'the container';
  const backend = backends[name];
  const unfit = backend.unfit?.(facts.layers, facts.request);
  if (unfit !== undefined) throw provisionerErrors.unfit({ backend: name, image: facts.image, chosenBy, ...unfit });
  const obstacle = await backend.obstacle();
  if (obstacle !== undefined) throw provisionerErrors.unusable({ backend: name, chosenBy, ...obstacle });
  return { backend, because: `${chosenBy} asks for it` };
}

async function chooseItself(
  backends: Readonly<Record<BackendName, Backend>>,
  { layers, request }: ChoiceFacts,
): Promise<{ readonly backend: Backend; readonly because: string }> {
  const passedOver: string[] = [];
  for (const name of AUTOMATIC) {
    const backend = backends[name];
    const obstacle: Obstacle | undefined = backend.unfit?.(layers, request) ?? (await backend.obstacle());
    if (obstacle === undefined) {
      return { backend, because: passedOver.length === 0 ? 'it works best here' : `no ${passedOver.join('; no ')}` };
    }
    passedOver.push(`${name}: ${obstacle.why}`);
  }
  throw new Error('a copy can always be made');
}
