import { z } from 'zod';
import type { ImageDetails } from '../../../engine/written/image-record-facade.ts';

/** One step that made an image. */
const stepAnswer = z.object({
  createdAt: z.string().nullable(),
  createdBy: z.string(),
  author: z.string(),
  comment: z.string(),
  layer: z.string().nullable().describe('chain id; null for a step that changed no files'),
  sizeBytes: z.number().int().describe('unpacked'),
});
export const historyAnswer = z.array(stepAnswer);
export type HistoryStep = z.output<typeof stepAnswer>;

interface Line {
  readonly created?: unknown;
  readonly created_by?: unknown;
  readonly author?: unknown;
  readonly comment?: unknown;
  readonly empty_layer?: unknown;
}

/**
 * The steps of an image, the last one first. A layer that the config says nothing of is a step of which nothing is known. Pure.
 */
export function historyOf({ image, config }: Pick<ImageDetails, 'image' | 'config'>): readonly HistoryStep[] {
  const lines = (Array.isArray(config.history) ? config.history : []) as readonly (Line | null)[];
  const steps: HistoryStep[] = [];
  let layer = 0;
  for (const line of lines) {
    const isEmpty = line?.empty_layer === true || layer >= image.chainIds.length;
    steps.push(stepOf(line ?? {}, image, isEmpty ? undefined : layer));
    if (!isEmpty) layer += 1;
  }
  for (; layer < image.chainIds.length; layer += 1) steps.push(stepOf({}, image, layer));
  return steps.reverse();
}

function stepOf(line: Line, image: ImageDetails['image'], layer: number | undefined): HistoryStep {
  return {
    createdAt: typeof line.created === 'string' ? line.created : null,
    createdBy: textOf(line.created_by),
    author: textOf(line.author),
    comment: textOf(line.comment),
    layer: layer === undefined ? null : (image.chainIds[layer] ?? null),
    sizeBytes: layer === undefined ? 0 : (image.layerBytes[layer] ?? 0),
  };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
