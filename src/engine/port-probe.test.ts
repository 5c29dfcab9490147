import fc from 'fast-check';
import { expect, test } from 'vitest';
import { judgeHttp, portTry } from './port-probe.ts';

const answered = (text: string, failure?: string) => judgeHttp({ failure, answer: Buffer.from(text) }, 500);
const requestOf = (http: object) => Buffer.from(portTry({ http: { port: 8080, ...http } }, 1).request).toString();

test('a request is what HTTP/1.1 asks for, and names the host that was given', () => {
  expect(requestOf({})).toBe(
    'GET / HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: isopod\r\nAccept: */*\r\nConnection: close\r\n\r\n',
  );
  expect(requestOf({ path: '/a?b', host: 'web' })).toContain('GET /a?b HTTP/1.1\r\nHost: web\r\n');
  expect(requestOf({ port: 80 })).toContain('Host: localhost\r\n');
  expect(portTry({ tcp: { port: 1 } }, 1).request.length).toBe(0);
});

test.each([
  [199, false],
  [200, true],
  [302, true],
  [399, true],
  [400, false],
  [503, false],
])('the status %i is well: %j', (httpStatus, ok) => {
  expect(answered(`HTTP/1.1 ${httpStatus} Some Words\r\n\r\nbody`)).toMatchObject({ ok, httpStatus });
});

test('a status counts that came before the connection broke or the time was over', () => {
  expect(answered('HTTP/1.0 200\r\n', 'ETIMEDOUT')).toMatchObject({ ok: true });
  expect(answered('HTTP/1.1 20', 'ETIMEDOUT')).toEqual({ ok: false, output: 'took longer than 500 ms' });
  expect(answered('', 'ECONNRESET').output).toBe('the connection was reset (ECONNRESET)');
  expect(answered('', 'EHOSTDOWN').output).toBe('EHOSTDOWN');
});

test.each(['', 'SSH-2.0-x\r\n', 'HTTP/2 200 \r\n', 'HTTP/1.1 2000 \r\n', 'HTTP/1.1 999 x\r\n', ' HTTP/1.1 200 OK\r\n'])(
  '%j is no answer of HTTP/1',
  (text) => {
    expect(answered(text)).toMatchObject({ ok: false });
  },
);

test('whatever a container answers is judged, and never more than an answer', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5_000 }), (answer) => {
      expect(judgeHttp({ failure: undefined, answer }, 1).ok).toBe(false);
    }),
  );
});
