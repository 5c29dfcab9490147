import type { AgentClient } from './agent-client.ts';
import { type CliContext, printLine } from './context.ts';
import { formatAge, formatBytes, table } from './format.ts';

interface PrunedJson {
  readonly untagged: readonly string[];
  readonly deleted: readonly string[];
  readonly reclaimedBytes: number;
}

interface KindJson {
  readonly total: number;
  readonly active: number;
  readonly sizeBytes: number;
  readonly reclaimableBytes: number;
}

interface DiskJson {
  readonly images: {
    readonly images: readonly {
      readonly id: string;
      readonly references: readonly string[];
      readonly inUse: boolean;
      readonly sizeBytes: number;
      readonly uniqueBytes: number;
      readonly lastUsedAtMs: number | null;
    }[];
    readonly unpackedBytes: number;
    readonly blobBytes: number;
    readonly partialBytes: number;
    readonly reclaimableBytes: number;
  };
  readonly containers: KindJson;
  readonly volumes: KindJson;
}

/** `isopod image prune` prints what is gone. */
export async function pruneImagesCommand(context: CliContext, client: AgentClient, request: object): Promise<number> {
  const pruned = await client.call<PrunedJson>('POST', '/v1/images/prune', request);
  for (const name of pruned.untagged) printLine(context, `untagged ${name}`);
  for (const id of pruned.deleted) printLine(context, `deleted ${id}`);
  printLine(context, `reclaimed ${formatBytes(pruned.reclaimedBytes)}`);
  return 0;
}

/** `isopod system df` */
export async function diskUseCommand(
  context: CliContext,
  client: AgentClient,
  options: { readonly json?: boolean; readonly verbose?: boolean },
): Promise<number> {
  const report = await client.call<DiskJson>('GET', '/v1/system/df');
  if (options.json === true) printLine(context, JSON.stringify(report, undefined, 2));
  else
    context.stdout.write(diskTable(report) + (options.verbose === true ? `\n${imageTable(report, Date.now())}` : ''));
  return 0;
}

/** What `system df` prints: a line for each kind of thing. */
function diskTable({ images, containers, volumes }: DiskJson): string {
  const { partialBytes } = images;
  const stored = images.unpackedBytes + images.blobBytes;
  const unused = images.reclaimableBytes - partialBytes;
  const active = images.images.filter(({ inUse }) => inUse).length;
  const kindRow = (name: string, kind: KindJson): readonly string[] => [
    ...[name, `${kind.total}`, `${kind.active}`, formatBytes(kind.sizeBytes)],
    shareOf(kind.reclaimableBytes, kind.sizeBytes),
  ];
  return table(
    ['TYPE', 'TOTAL', 'ACTIVE', 'SIZE', 'RECLAIMABLE'],
    [
      ['Images', `${images.images.length}`, `${active}`, formatBytes(stored), shareOf(unused, stored)],
      ['Partial downloads', '', '', formatBytes(partialBytes), shareOf(partialBytes, partialBytes)],
      kindRow('Containers', containers),
      kindRow('Volumes', volumes),
    ],
  );
}

/** A line for each image, those first that take most by themselves. */
function imageTable({ images: { images } }: DiskJson, nowMs: number): string {
  const rows = [...images]
    .sort((a, b) => b.uniqueBytes - a.uniqueBytes)
    .map(({ id, references, inUse, sizeBytes, uniqueBytes, lastUsedAtMs }) => [
      references[0] ?? '<none>',
      id.replace(/^sha256:/, '').slice(0, 12),
      ...[formatBytes(sizeBytes), formatBytes(sizeBytes - uniqueBytes), formatBytes(uniqueBytes)],
      inUse ? 'now' : lastUsedAtMs === null ? 'unknown' : `${formatAge(nowMs - lastUsedAtMs)} ago`,
    ]);
  return table(['IMAGE', 'ID', 'SIZE', 'SHARED', 'UNIQUE', 'USED'], rows);
}

function shareOf(bytes: number, of: number): string {
  return of === 0 ? formatBytes(bytes) : `${formatBytes(bytes)} (${Math.round((bytes / of) * 100)}%)`;
}
