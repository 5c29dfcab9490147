import { MetricRegistry } from '../base/metrics.ts';
import { countedPulls } from './diagnostics/counted-pulls.ts';
import { DamagedRecords } from './diagnostics/damaged-records.ts';
import { EngineMetrics } from './diagnostics/engine-metrics.ts';
import { OperationTracker } from './diagnostics/operation-tracker.ts';
import { takeHistory } from './event-history.ts';
import { Events } from './events.ts';
import { tellVolumes, toldImages } from './happenings.ts';
import type { EngineHost, EngineOptions } from './host.ts';
import { LimitWatches } from './limit-watches.ts';
import { enginePaths } from './paths.ts';
import type { EngineProblem } from './problem.ts';
import { Records } from './records.ts';
import { Registry } from './registry.ts';
import { RememberedPlans } from './remembered-plans.ts';
import { Retries } from './retries.ts';
import { sweptImages } from './rootfs.ts';
import { userNamespaceParts } from './user-ids.ts';

const BOOT_ID_FILE = '/proc/sys/kernel/random/boot_id';

/** Makes the directories that an engine needs, and its collaborators, and finds its volumes. */
export async function openHost(options: EngineOptions): Promise<EngineHost> {
  const { files, clock } = options.effects;
  const { launcher, metricRegistry = new MetricRegistry() } = options;
  const metrics = new EngineMetrics(metricRegistry);
  const { callers, log, tracer } = options;
  const operations = new OperationTracker({ clock, registry: metricRegistry, callers, log, tracer });
  const damagedRecords = new DamagedRecords();
  const report = (problem: EngineProblem): void => {
    metrics.problem();
    damagedRecords.note(problem, clock.nowMs());
    options.report(problem);
  };
  const paths = enginePaths(options.rootDir, options.stateDir);
  const events = new Events(clock, await takeHistory(options.effects, paths, report));
  const told = { events, nowMs: () => clock.nowMs() };
  tellVolumes(options.volumes, told);
  const images = countedPulls(toldImages(sweptImages(options.images, options.provisioner), told), { clock, metrics });
  const host: EngineHost = {
    ...options,
    ...userNamespaceParts(options),
    ...{ metricRegistry, metrics, operations, damagedRecords, report },
    images,
    transfers: options.openTransfers(images),
    bootId: (await files.readText(BOOT_ID_FILE)).trim(),
    paths,
    records: new Records(files, paths),
    registry: new Registry(),
    plans: new RememberedPlans(),
    events,
    retries: new Retries(clock, report, operations),
    limits: new LimitWatches({ clock, launcher, events, report, metrics }),
  };
  await Promise.all([
    // Synced, or a power cut takes it away with every record in it.
    files.makeDirectory(paths.containers, { parents: true }).then(() => files.syncDirectory(paths.rootDir)),
    files.makeDirectory(paths.runs, { parents: true }),
    // Clients that may not read the directory still reach the socket whose name their ticket holds (DESIGN §6).
    files.makeDirectory(paths.sockets, { mode: 0o711, parents: true }),
    files.makeDirectory(paths.mountPoint, { parents: true }),
  ]);
  await options.volumes.load();
  return host;
}
