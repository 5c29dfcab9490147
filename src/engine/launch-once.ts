import type { ContainerConfig } from '../model/container-config.ts';
import type { Cleanups } from './cleanup.ts';
import type { Container } from './container.ts';
import { givenUpWith } from './diagnostics/tracked-launch.ts';
import type { Launched, LaunchOptions } from './facade.ts';
import type { EngineHost } from './host.ts';
import { launchedBefore } from './repeated-request.ts';
import { reserve, untilNameIsFree } from './reservation.ts';

/** What is asked for, and how the engine does it. */
interface WantedLaunch {
  readonly config: ContainerConfig;
  readonly how: LaunchOptions;
  readonly launch: (container: Container) => Promise<Launched>;
  readonly forget: (container: Container) => Promise<void>;
}

/** A launch that an engine before this one has not carried out already; see docs/adr/0127. @throws as `Engine.launch` */
export async function launchOnce(
  host: EngineHost,
  cleanups: Cleanups,
  { config, how, launch, forget }: WantedLaunch,
): Promise<Launched> {
  const { requestKey: key, isPulledByCaller, signal, credential } = how;
  await untilNameIsFree(host, cleanups, config);
  const before = await launchedBefore(host, { asked: config, key }, forget);
  if (before !== undefined) return before;
  const container = reserve(host, config, key);
  container.credential = credential;
  if (isPulledByCaller === true && container.pull !== 'never') container.pull = 'caller';
  return givenUpWith(signal, container, () => launch(container));
}
