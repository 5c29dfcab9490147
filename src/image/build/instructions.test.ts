import { describe, expect, test } from 'vitest';
import { changedConfig } from './instructions.ts';

const change = (...lines: readonly string[]): Readonly<Record<string, unknown>> => changedConfig({}, lines);

describe('what an instruction makes of a config', () => {
  test.each([
    ['CMD ["sh", "-c", "true"]', { Cmd: ['sh', '-c', 'true'] }],
    ['cmd echo "a b"', { Cmd: ['/bin/sh', '-c', 'echo "a b"'] }],
    ['ENTRYPOINT ["/init"]', { Entrypoint: ['/init'] }],
    ['ENV A=1 B="two words" C=it\\ is', { Env: ['A=1', 'B=two words', 'C=it is'] }],
    ['ENV A all of the rest', { Env: ['A=all of the rest'] }],
    [
      'EXPOSE 80 53/UDP 8000-8002',
      { ExposedPorts: { '80/tcp': {}, '53/udp': {}, '8000/tcp': {}, '8001/tcp': {}, '8002/tcp': {} } },
    ],
    ['LABEL a=1 "b.c"=\'$A\'', { Labels: { a: '1', 'b.c': '$A' } }],
    ['ONBUILD RUN make', { OnBuild: ['RUN make'] }],
    ['USER 1000:1000', { User: '1000:1000' }],
    ['VOLUME ["/data", "/with blank"]', { Volumes: { '/data': {}, '/with blank': {} } }],
    ['VOLUME /data /more', { Volumes: { '/data': {}, '/more': {} } }],
    ['WORKDIR srv/../app', { WorkingDir: '/app' }],
    ['STOPSIGNAL SIGRTMIN+3', { StopSignal: 'SIGRTMIN+3' }],
    ['HEALTHCHECK NONE', { Healthcheck: { Test: ['NONE'] } }],
    [
      'HEALTHCHECK --interval=1m30s --timeout=500ms --retries=2 CMD ["check", "it"]',
      { Healthcheck: { Test: ['CMD', 'check', 'it'], Interval: 90e9, Timeout: 5e8, Retries: 2 } },
    ],
    [
      'HEALTHCHECK --start-period=5s --start-interval=1s CMD curl -f localhost',
      { Healthcheck: { Test: ['CMD-SHELL', 'curl -f localhost'], StartPeriod: 5e9, StartInterval: 1e9 } },
    ],
  ])('%s', (line, expected) => {
    expect(change(line)).toEqual(expected);
  });
});

test('what is there stays, and a name that is there keeps its place', () => {
  const config = { Env: ['PATH=/bin', 'A=1'], Labels: { a: '1', b: '2' }, Other: true };
  expect(changedConfig(config, ['ENV PATH=/usr/bin', 'LABEL b=3'])).toEqual({
    Env: ['PATH=/usr/bin', 'A=1'],
    Labels: { a: '1', b: '3' },
    Other: true,
  });
  expect(config.Env).toEqual(['PATH=/bin', 'A=1']);
});

test('a variable stands for what the environment says at that line', () => {
  expect(
    change('ENV A=1', `ENV B=\${A}2 C=$NONE D=\\$A`, `LABEL l='$A' m=\${NONE:-else} n=\${A:+set}`, 'WORKDIR /x/$A'),
  ).toEqual({
    Env: ['A=1', 'B=12', 'C=', 'D=$A'],
    Labels: { l: '$A', m: 'else', n: 'set' },
    WorkingDir: '/x/1',
  });
});

test('an entrypoint takes the command of the image away, unless another one is given', () => {
  const config = { Cmd: ['sh'] };
  expect(changedConfig(config, ['ENTRYPOINT ["/init"]'])).toEqual({ Entrypoint: ['/init'] });
  expect(changedConfig(config, ['CMD ["x"]', 'ENTRYPOINT ["/init"]'])).toEqual({ Cmd: ['x'], Entrypoint: ['/init'] });
});

describe('what is refused', () => {
  test.each([
    'RUN make',
    'CMD',
    'ENV A',
    'ENV A=1 B',
    'ENV A="open',
    'LABEL =1',
    'EXPOSE http',
    'EXPOSE 0',
    'EXPOSE 70000',
    'EXPOSE 90-80',
    'USER a b',
    'STOPSIGNAL not/one',
    'WORKDIR ${',
    'HEALTHCHECK CMD',
    'HEALTHCHECK --interval=soon CMD true',
    'HEALTHCHECK --retries=many CMD true',
    'HEALTHCHECK --often CMD true',
    'HEALTHCHECK --retries=2 NONE',
    'HEALTHCHECK true',
  ])('%s', (line) => {
    expect(() => change(line)).toThrow(expect.objectContaining({ kind: 'invalid-argument' }));
  });
});
