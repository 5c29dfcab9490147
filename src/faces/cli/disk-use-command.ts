import type { AgentClient } from './agent-client.ts';
import { type CliContext, printLine } from './context.ts';
import { formatAge, formatBytes, table } from './format.ts';

interface KindJson {
  readonly total: number;
  readonly active: number;
  readonly sizeBytes: number;
  readonly reclaimableBytes: number;
}

/** What the agent tells of the disk (faces/agent/images/upkeep-answers.ts). */
export interface DiskJson {
  readonly images: {
    readonly images: readonly {
      readonly id: string;
      readonly references: readonly string[];
      readonly inUse: boolean;
      readonly sizeBytes: number;
      readonly uniqueBytes: number;
      readonly lastUsedAtMs: number | null;
    }[];
    readonly layers: readonly {
      readonly chainId: string;
      readonly images: readonly string[];
      readonly sizeBytes: number;
    }[];
    readonly unpackedBytes: number;
    readonly blobBytes: number;
    readonly partialBytes: number;
    readonly reclaimableBytes: number;
  };
  readonly containers: KindJson & {
    readonly containers: readonly {
      readonly uid: string;
      readonly name: string;
      readonly image?: string;
      readonly state: string;
      readonly volumes: readonly string[];
      readonly sizeBytes: number;
    }[];
  };
  readonly volumes: KindJson & {
    readonly volumes: readonly {
      readonly name: string;
      readonly users: readonly string[];
      readonly sizeBytes: number;
    }[];
  };
}

/** `isopod system df` */
export async function diskUseCommand(
  context: CliContext,
  client: AgentClient,
  options: { readonly json?: boolean; readonly verbose?: boolean },
): Promise<number> {
  const report = await client.call<DiskJson>('GET', '/v1/system/df');
  if (options.json === true) printLine(context, JSON.stringify(report, undefined, 2));
  else context.stdout.write(diskTable(report) + (options.verbose === true ? diskDetails(report, Date.now()) : ''));
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

/** What `system df -v` prints besides: a table for each kind of thing that there is. */
function diskDetails(report: DiskJson, nowMs: number): string {
  const { images, containers, volumes } = report;
  const tables = [
    [images.images.length, imageTable(report, nowMs)],
    [images.layers.length, layerTable(report)],
    [containers.containers.length, containerTable(report)],
    [volumes.volumes.length, volumeTable(report)],
  ] as const;
  return tables.flatMap(([count, text]) => (count === 0 ? [] : [`\n${text}`])).join('');
}

const byBytes = (a: { readonly sizeBytes: number }, b: { readonly sizeBytes: number }): number =>
  b.sizeBytes - a.sizeBytes;

function layerTable({ images: { images, layers } }: DiskJson): string {
  const names = new Map(images.map(({ id, references }) => [id, references[0] ?? shortId(id)]));
  const rows = [...layers]
    .sort(byBytes)
    .map(({ chainId, images: ids, sizeBytes }) => [
      ...[shortId(chainId), formatBytes(sizeBytes), `${ids.length}`],
      ids.map((id) => names.get(id) ?? shortId(id)).join(', '),
    ]);
  return table(['LAYER', 'SIZE', 'IMAGES', 'OF'], rows);
}

function containerTable({ containers: { containers } }: DiskJson): string {
  const rows = [...containers]
    .sort(byBytes)
    .map(({ uid, name, image = '', state, volumes, sizeBytes }) => [
      ...[uid, name, image, state, `${volumes.length}`, formatBytes(sizeBytes)],
    ]);
  return table(['CONTAINER', 'NAME', 'IMAGE', 'STATE', 'VOLUMES', 'SIZE'], rows);
}

function volumeTable({ volumes: { volumes } }: DiskJson): string {
  const rows = [...volumes]
    .sort(byBytes)
    .map(({ name, users, sizeBytes }) => [name, `${users.length}`, formatBytes(sizeBytes)]);
  return table(['VOLUME', 'LINKS', 'SIZE'], rows);
}

function shortId(digest: string): string {
  return digest.replace(/^sha256:/, '').slice(0, 12);
}

/** A line for each image, those first that take most by themselves. */
function imageTable({ images: { images } }: DiskJson, nowMs: number): string {
  const rows = [...images]
    .sort((a, b) => b.uniqueBytes - a.uniqueBytes)
    .map(({ id, references, inUse, sizeBytes, uniqueBytes, lastUsedAtMs }) => [
      references[0] ?? '<none>',
      shortId(id),
      ...[formatBytes(sizeBytes), formatBytes(sizeBytes - uniqueBytes), formatBytes(uniqueBytes)],
      inUse ? 'now' : lastUsedAtMs === null ? 'unknown' : `${formatAge(nowMs - lastUsedAtMs)} ago`,
    ]);
  return table(['IMAGE', 'ID', 'SIZE', 'SHARED', 'UNIQUE', 'USED'], rows);
}

function shareOf(bytes: number, of: number): string {
  return of === 0 ? formatBytes(bytes) : `${formatBytes(bytes)} (${Math.round((bytes / of) * 100)}%)`;
}
