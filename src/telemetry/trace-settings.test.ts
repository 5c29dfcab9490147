import { expect, test } from 'vitest';
import { readTraceSettings } from './trace-settings.ts';

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318/' };

test('without a collector there are no traces, nor where they are switched off', () => {
  expect(readTraceSettings({})).toBeUndefined();
  expect(readTraceSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: '' })).toBeUndefined();
  expect(readTraceSettings({ ...ENDPOINT, OTEL_SDK_DISABLED: 'true' })).toBeUndefined();
  expect(readTraceSettings({ ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' })).toBeUndefined();
});

test('the path is added to the endpoint of all signals, and one for traces is taken as it is', () => {
  expect(readTraceSettings(ENDPOINT)?.url.href).toBe('http://127.0.0.1:4318/v1/traces');
  const own = { ...ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://collector.example/in' };
  expect(readTraceSettings(own)?.url.href).toBe('https://collector.example/in');
});

test('headers, names and attributes are decoded, and those for traces alone win', () => {
  const settings = readTraceSettings({
    ...ENDPOINT,
    OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Bearer%20x,a=1',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'a=2',
    OTEL_RESOURCE_ATTRIBUTES: 'service.name=other,host.name=h%2C1',
    OTEL_SERVICE_NAME: 'mine',
  });
  expect(settings?.headers).toEqual({ authorization: 'Bearer x', a: '2' });
  expect(settings?.resource).toEqual({ 'service.name': 'mine', 'host.name': 'h,1' });
});

test.each([
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'ftp://x'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'nonsense'],
  ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
  ['OTEL_TRACES_EXPORTER', 'jaeger'],
  ['OTEL_TRACES_SAMPLER', 'sometimes'],
  ['OTEL_TRACES_SAMPLER_ARG', '2'],
  ['OTEL_EXPORTER_OTLP_TIMEOUT', 'soon'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'novalue'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'a=%0d%0ab'],
])('%s=%s is refused by its name', (variable, value) => {
  expect(() => readTraceSettings({ ...ENDPOINT, [variable]: value })).toThrow(
    expect.objectContaining({ code: 'telemetry.badSetting', details: expect.objectContaining({ variable }) }),
  );
});

test('the value of a header is not told where it is refused', () => {
  expect(() => readTraceSettings({ ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: 'key=secret%zz' })).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('secret') }),
  );
});
