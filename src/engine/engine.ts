import { trackedEngine } from './diagnostics/tracked-engine.ts';
import type { Engine } from './facade.ts';
import type { EngineOptions } from './host.ts';
import { LocalEngine } from './local-engine.ts';
import { openHost } from './open-host.ts';
import { sweepVolumes } from './volumes.ts';

/**
 * Opens the engine of one root directory: finds what an earlier one left, then serves.
 *
 * @param options the lock of the root directory is held already; `close` releases it
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const host = await openHost(options);
  const engine = new LocalEngine(host);
  const { images, provisioner, fetcher } = options;
  const imagesRecovered = images.recover().then(() => provisioner.recover());
  await Promise.all([imagesRecovered, fetcher.recover(), engine.recover()]);
  await sweepVolumes(host);
  engine.collectImages();
  return trackedEngine(engine, host.operations, host.registry);
}
