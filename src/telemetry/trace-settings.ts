import type { SpanAttributes } from '../base/tracing.ts';
import { defineErrors } from '../model/error.ts';
import { SAMPLERS, type SamplerName } from './sampler.ts';

/** Where spans go, and which: what the environment variables of OpenTelemetry say. */
export interface TraceSettings {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly resource: SpanAttributes;
  readonly sampler: { readonly name: SamplerName; readonly ratio: number };
  /** How long a request may take. */
  readonly timeoutMs: number;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export const telemetryErrors = defineErrors('telemetry', {
  badSetting: {
    kind: 'invalid-argument',
    message: (d: { variable: string; value: string; wanted: string }) =>
      `${d.variable} is ${JSON.stringify(d.value)}, not ${d.wanted}`,
    remedy: () => 'no traces are exported until that is put right',
  },
});

/** Every variable that is read. */
export const TRACE_VARIABLES = [
  ...['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'],
  ...['OTEL_EXPORTER_OTLP_PROTOCOL', 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'],
  ...['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_TRACES_HEADERS'],
  ...['OTEL_EXPORTER_OTLP_TIMEOUT', 'OTEL_EXPORTER_OTLP_TRACES_TIMEOUT'],
  ...['OTEL_SDK_DISABLED', 'OTEL_TRACES_EXPORTER', 'OTEL_TRACES_SAMPLER', 'OTEL_TRACES_SAMPLER_ARG'],
  ...['OTEL_SERVICE_NAME', 'OTEL_RESOURCE_ATTRIBUTES'],
] as const;

const TRACES_PATH = '/v1/traces';
const PROTOCOL = 'http/json';
const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * Reads the settings as the specification has them; a variable for traces alone goes before the one for all. Pure.
 *
 * @returns `undefined` when nobody wants traces
 * @throws {EngineError} `telemetry.badSetting` (invalid-argument)
 */
export function readTraceSettings(env: Environment): TraceSettings | undefined {
  const url = endpointOf(env);
  if (url === undefined || env.OTEL_SDK_DISABLED?.toLowerCase() === 'true') return undefined;
  const exporter = env.OTEL_TRACES_EXPORTER;
  if (exporter === 'none') return undefined;
  if (exporter && exporter !== 'otlp') throw bad('OTEL_TRACES_EXPORTER', exporter, 'otlp or none');
  checkProtocol(env);
  const name = env.OTEL_SERVICE_NAME || undefined;
  const named = parsePairs('OTEL_RESOURCE_ATTRIBUTES', env.OTEL_RESOURCE_ATTRIBUTES);
  return {
    url,
    headers: headersOf(env),
    resource: { 'service.name': 'isopod', ...named, ...(name === undefined ? {} : { 'service.name': name }) },
    sampler: samplerSetting(env),
    timeoutMs: timeoutOf(env),
  };
}

function endpointOf(env: Environment): URL | undefined {
  const own = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  if (own) return parseUrl('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', own);
  const base = env.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (!base) return undefined;
  const url = parseUrl('OTEL_EXPORTER_OTLP_ENDPOINT', base);
  url.pathname = url.pathname.replace(/\/$/, '') + TRACES_PATH;
  return url;
}

function parseUrl(variable: string, value: string): URL {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') throw bad(variable, value, 'an http or https URL');
  return url;
}

function checkProtocol(env: Environment): void {
  for (const variable of ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL']) {
    const value = env[variable];
    if (!value) continue;
    if (value !== PROTOCOL) throw bad(variable, value, `${PROTOCOL}, the one that is spoken here`);
    return;
  }
}

function headersOf(env: Environment): Readonly<Record<string, string>> {
  const all = parsePairs('OTEL_EXPORTER_OTLP_HEADERS', env.OTEL_EXPORTER_OTLP_HEADERS);
  const own = parsePairs('OTEL_EXPORTER_OTLP_TRACES_HEADERS', env.OTEL_EXPORTER_OTLP_TRACES_HEADERS);
  const headers = Object.entries({ ...all, ...own });
  return Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));
}

/** `a=b,c=d`, percent-encoded (W3C Baggage). What a value is may be secret, so it is not told. */
function parsePairs(variable: string, text: string | undefined): Readonly<Record<string, string>> {
  const pairs = (text ?? '').split(',').filter((pair) => pair.trim() !== '');
  return Object.fromEntries(
    pairs.map((pair) => {
      const [key = '', ...value] = pair.split('=');
      const decoded = decode(value.join('=').trim());
      if (!/^[\w.-]+$/.test(key.trim()) || value.length === 0 || decoded === undefined) {
        throw bad(variable, key.trim(), 'a list of percent-encoded pairs: key=value,key=value');
      }
      return [key.trim(), decoded];
    }),
  );
}

function decode(text: string): string | undefined {
  try {
    const decoded = decodeURIComponent(text);
    return /\p{Cc}/u.test(decoded) ? undefined : decoded;
  } catch {
    return undefined;
  }
}

function samplerSetting(env: Environment): TraceSettings['sampler'] {
  const text = env.OTEL_TRACES_SAMPLER || 'parentbased_always_on';
  const name = SAMPLERS.find((known) => known === text);
  if (name === undefined) throw bad('OTEL_TRACES_SAMPLER', text, `one of ${SAMPLERS.join(', ')}`);
  const ratio = Number(env.OTEL_TRACES_SAMPLER_ARG || 1);
  if (!(ratio >= 0 && ratio <= 1)) {
    throw bad('OTEL_TRACES_SAMPLER_ARG', env.OTEL_TRACES_SAMPLER_ARG ?? '', 'a number from 0 to 1');
  }
  return { name, ratio };
}

function timeoutOf(env: Environment): number {
  for (const variable of ['OTEL_EXPORTER_OTLP_TRACES_TIMEOUT', 'OTEL_EXPORTER_OTLP_TIMEOUT']) {
    const value = env[variable];
    if (!value) continue;
    const timeoutMs = Number(value);
    if (!(timeoutMs >= 1 && timeoutMs <= 60_000)) throw bad(variable, value, 'milliseconds from 1 to 60000');
    return timeoutMs;
  }
  return DEFAULT_TIMEOUT_MS;
}

function bad(variable: string, value: string, wanted: string): Error {
  return telemetryErrors.badSetting({ variable, value, wanted });
}
