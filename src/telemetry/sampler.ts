import type { TraceParent } from './trace-context.ts';

/** Decides whether a trace is recorded. */
export type Sampler = (traceId: string, parent: TraceParent | undefined) => boolean;

/** Names of samplers as OTEL_TRACES_SAMPLER has them. */
export const SAMPLERS = [
  ...(['always_on', 'always_off', 'traceidratio'] as const),
  ...(['parentbased_always_on', 'parentbased_always_off', 'parentbased_traceidratio'] as const),
] as const;
export type SamplerName = (typeof SAMPLERS)[number];

const PARENT_BASED = 'parentbased_';
/** Hex digits of an id that are compared: the last ones, which are random in every way to make one. */
const COMPARED_DIGITS = 12;

/** @param ratio of the traces that are recorded, for the samplers that have one */
export function samplerOf(name: SamplerName, ratio: number): Sampler {
  if (name.startsWith(PARENT_BASED)) {
    const root = samplerOf(name.slice(PARENT_BASED.length) as SamplerName, ratio);
    return (traceId, parent) => parent?.isSampled ?? root(traceId, parent);
  }
  if (name === 'always_on') return () => true;
  if (name === 'always_off') return () => false;
  const bound = ratio * 16 ** COMPARED_DIGITS;
  return (traceId) => Number.parseInt(traceId.slice(-COMPARED_DIGITS), 16) < bound;
}
