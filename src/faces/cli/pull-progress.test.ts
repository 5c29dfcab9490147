import { expect, test } from 'vitest';
import { withProgress } from './pull-progress.ts';

async function* lines(): AsyncIterable<unknown> {
  const layers = [{ digest: 'sha256:abc', sizeBytes: 10 }];
  yield { progress: { kind: 'resolved', layers } };
  yield { progress: { kind: 'layer', digest: 'sha256:abc', state: 'fetching', doneBytes: 1 } };
  yield { progress: { kind: 'layer', digest: 'sha256:abc', state: 'copied', doneBytes: 10 } };
}

test('a registry that is asked once more is told, with the reason, the wait and the count', async () => {
  let text = '';
  const to = { isTTY: false, write: (part: string) => (text += part) } as unknown as NodeJS.WriteStream;
  const retry = { kind: 'retry', reason: 'registry r.example answered HTTP 503', attempts: 6 };
  async function* retried(): AsyncIterable<unknown> {
    yield { progress: { ...retry, delayMs: 431, attempt: 2 } };
    yield { progress: { ...retry, delayMs: 2_040, attempt: 3 } };
  }
  await withProgress(retried(), { to, what: 'it' });
  expect(text).toBe(
    'registry r.example answered HTTP 503; trying again in 0.5 s (2 of 6)\n' +
      'registry r.example answered HTTP 503; trying again in 2 s (3 of 6)\n',
  );
});

test('a host that is left for another one is told with the reason', async () => {
  let text = '';
  const to = { isTTY: false, write: (part: string) => (text += part) } as unknown as NodeJS.WriteStream;
  async function* left(): AsyncIterable<unknown> {
    yield { progress: { kind: 'left', host: 'm.example', reason: 'm.example is \u001b[2Jgone', next: 'r.example' } };
  }
  await withProgress(left(), { to, what: 'it' });
  expect(text).toMatch(/^m\.example is .*gone; asking r\.example instead\n$/);
  expect(text).not.toContain('\u001b');
});

test('what does not come with an image is told as a warning', async () => {
  let text = '';
  const to = { isTTY: false, write: (part: string) => (text += part) } as unknown as NodeJS.WriteStream;
  async function* warned(): AsyncIterable<unknown> {
    yield { progress: { kind: 'warning', message: 'isolators are left out\n' } };
  }
  await withProgress(warned(), { to, what: 'it' });
  expect(text).toBe('warning: isolators are left out \n');
});

test('on a terminal such a line stands above the bars and stays', async () => {
  let text = '';
  const to = { isTTY: true, write: (part: string) => (text += part) } as unknown as NodeJS.WriteStream;
  async function* retried(): AsyncIterable<unknown> {
    yield { progress: { kind: 'resolved', layers: [{ digest: 'sha256:abc', sizeBytes: 10 }] } };
    yield { progress: { kind: 'retry', reason: 'why', delayMs: 1000, attempt: 2, attempts: 6 } };
  }
  await withProgress(retried(), { to, what: 'it' });
  const [line, bar] = text.split('\u001b[1A').at(-1)?.split('\n') ?? [];
  expect(line).toBe('\u001b[2Kwhy; trying again in 1 s (2 of 6)');
  expect(bar).toContain('\u001b[2Kabc [');
});

test.each([
  [false, ['1 layer, 10 B', 'abc: fetching', 'abc: done']],
  [true, ['1 blob, 10 B', 'abc: copying', 'abc: done']],
])('what is copied is told otherwise than what is pulled (%s)', async (copies, told) => {
  let text = '';
  const to = { isTTY: false, write: (part: string) => (text += part) } as unknown as NodeJS.WriteStream;
  await withProgress(lines(), { to, what: 'it', copies });
  expect(text.trimEnd().split('\n')).toEqual(told);
});

test('that the only image is for another platform is told where nobody else tells it', async () => {
  let text = '';
  const to = { isTTY: false, write: (part: string) => (text += part) } as unknown as NodeJS.WriteStream;
  async function* foreign(): AsyncIterable<unknown> {
    const otherPlatform = { image: 'linux/s390x', wanted: 'linux/amd64' };
    yield { progress: { kind: 'resolved', reference: 'r.example/app:1', layers: [], otherPlatform } };
  }
  await withProgress(foreign(), { to, what: 'it' });
  expect(text).not.toContain('WARNING');
  await withProgress(foreign(), { to, what: 'it', warns: true });
  expect(text).toContain('WARNING: r.example/app:1 is for linux/s390x, and this machine is linux/amd64\n');
});
