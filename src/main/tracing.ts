import type { Effects } from '../base/effects.ts';
import type { MetricRegistry } from '../base/metrics.ts';
import type { Tracer } from '../base/tracing.ts';
import { postTraces } from '../telemetry/otlp-request.ts';
import { RecordingTracer } from '../telemetry/recording-tracer.ts';
import { samplerOf } from '../telemetry/sampler.ts';
import { SpanExporter } from '../telemetry/span-exporter.ts';
import { type Environment, readTraceSettings } from '../telemetry/trace-settings.ts';
import { VERSION } from './version.ts';

export interface Tracing {
  /** `undefined` when nobody wants traces. */
  readonly tracer: Tracer | undefined;
  /** Sends what was recorded last. */
  close(deadlineMs: number): Promise<void>;
}

/**
 * What records and exports spans, where the environment names a collector. What it says that cannot be is reported, and
 * nothing is exported then: containers are worth more than their traces.
 */
export function openTracing(
  env: Environment,
  parts: {
    readonly effects: Effects;
    readonly registry: MetricRegistry;
    readonly report: (problem: { readonly what: string; readonly error?: unknown }) => void;
  },
): Tracing {
  const { effects, registry, report } = parts;
  const { clock, random } = effects;
  try {
    const settings = readTraceSettings(env);
    if (settings === undefined) return NOTHING;
    const attributes = { 'service.version': VERSION, 'process.pid': process.pid, ...settings.resource };
    const exporter = new SpanExporter({
      ...{ clock, registry, report },
      resource: { attributes, version: VERSION },
      send: (body) => postTraces(settings, body),
    });
    const sampler = samplerOf(settings.sampler.name, settings.sampler.ratio);
    const finished = (span: Parameters<SpanExporter['add']>[0]): void => exporter.add(span);
    return {
      tracer: new RecordingTracer({ clock, random, sampler, finished }),
      close: (deadlineMs) => exporter.close(deadlineMs),
    };
  } catch (error) {
    report({ what: 'no traces are exported', error });
    return NOTHING;
  }
}

const NOTHING: Tracing = { tracer: undefined, close: async () => {} };
