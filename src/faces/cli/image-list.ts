import type { AgentClient } from './agent-client.ts';
import { type CliContext, printLine } from './context.ts';
import { formatAge, formatBytes, table } from './format.ts';
import type { ImageJson } from './image-commands.ts';
import { createdMs, type ImageFilter, imageFilterOf, nameParts } from './image-filter.ts';
import { formatterOf } from './template/formatted.ts';

export interface ListOptions {
  readonly names: readonly string[];
  readonly filter?: readonly string[];
  readonly format?: string;
  readonly digests?: boolean;
  readonly trunc?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

/** A line of `images`; its fields are those of `--format`, called as Docker calls them. */
interface ImageRow {
  readonly Reference: string;
  readonly Repository: string;
  readonly Tag: string;
  readonly Digest: string;
  readonly ID: string;
  readonly Platform: string;
  readonly CreatedSince: string;
  readonly CreatedAt: string;
  readonly Size: string;
}

/** `isopod images` */
export async function imagesCommand(context: CliContext, client: AgentClient, options: ListOptions): Promise<number> {
  const formatter = options.format === undefined ? undefined : formatterOf(options.format);
  const filter = await imageFilterOf(
    { filters: options.filter ?? [], names: options.names },
    { nowMs: Date.now(), find: (text) => client.call('GET', `/v1/images/${encodeURIComponent(text)}`) },
  );
  const images = shownImages(await client.call<readonly ImageJson[]>('GET', '/v1/images'), filter);
  const list = { ...options, nowMs: Date.now() };
  if (options.json === true) printLine(context, JSON.stringify(images, undefined, 2));
  else if (options.quiet === true) for (const { id } of images) printLine(context, id);
  else if (formatter !== undefined) context.stdout.write(formatter(imageRows(images, list)));
  else context.stdout.write(imageTable(images, list));
  return 0;
}

/** Those that a filter lets through, with the names that it lets through; the newest first. */
export function shownImages(images: readonly ImageJson[], filter: ImageFilter): readonly ImageJson[] {
  const { name } = filter;
  return images
    .filter((image) => filter.image(image))
    .map((image) => (name === undefined ? image : { ...image, references: image.references.filter(name) }))
    .filter(({ references }) => name === undefined || references.length > 0)
    .sort((one, other) => ageOrder(createdMs(one), createdMs(other)));
}

/** Neither of two times may be finite, so they are not subtracted. */
function ageOrder(one: number, other: number): number {
  return one === other ? 0 : one < other ? 1 : -1;
}

interface RowOptions {
  readonly nowMs: number;
  readonly trunc?: boolean | undefined;
  readonly digests?: boolean | undefined;
}

/** What `images` prints: one line per reference. */
export function imageTable(images: readonly ImageJson[], options: RowOptions): string {
  const digests = options.digests === true;
  const rows = imageRows(images, options).map((row) => [
    ...[row.Reference, ...(digests ? [row.Digest] : [])],
    ...[row.ID, row.Platform, row.CreatedSince, row.Size],
  ]);
  return table(['REFERENCE', ...(digests ? ['DIGEST'] : []), 'ID', 'PLATFORM', 'CREATED', 'SIZE'], rows);
}

function imageRows(images: readonly ImageJson[], { nowMs, trunc = true }: RowOptions): readonly ImageRow[] {
  return images.flatMap((image) => {
    const { id, references, platform, sizeBytes, createdAt, manifestDigest = '<none>', manifestDigests } = image;
    return (references.length === 0 ? ['<none>'] : references).map((reference) => {
      const { repository, tag } = nameParts(reference);
      return {
        ...{ Reference: reference, Repository: repository, Tag: tag },
        Digest: manifestDigests?.[reference] ?? manifestDigest,
        ID: trunc ? id.replace(/^sha256:/, '').slice(0, 12) : id,
        ...{ Platform: platform, CreatedSince: createdText(image, nowMs), CreatedAt: createdAt ?? 'unknown' },
        Size: formatBytes(sizeBytes),
      };
    });
  });
}

/** A time from before images were made (tools that build reproducibly write year 1 or 1970) tells nothing. */
function createdText(image: ImageJson, nowMs: number): string {
  const ms = createdMs(image);
  return Number.isFinite(ms) ? `${formatAge(nowMs - ms)} ago` : 'unknown';
}
