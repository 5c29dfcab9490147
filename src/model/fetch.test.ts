import { describe, expect, test } from 'vitest';
import { type FetchRequest, fetchSource, parseFetches } from './fetch.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

function parse(request: FetchRequest) {
  return parseFetches([request])[0];
}

describe('what is fetched', () => {
  test.each<[string, string, boolean]>([
    ['https://h.example/a/app', 'app', false],
    ['https://h.example/a/app.tar.gz', '.', true],
    ['https://h.example/a/app.tgz?x=1', '.', true],
    ['https://h.example/a/b%20c', 'b c', false],
    ['https://h.example/a/%E2%82%AC', '€', false],
    ['file:///srv/data.tar', '.', true],
    ['file:///srv/data.zip', '.', true],
    ['image:alpine:3.20#/etc/os-release', 'os-release', false],
    [`image:h.example/app@${DIGEST}#/srv/x.tar`, 'x.tar', false],
  ])('%s lies at %s, unpacked: %s', (uri, output, extract) => {
    expect(parse({ uri })).toEqual({ uri, output, extract, executable: false, cache: false });
  });

  test('has what the caller says of it', () => {
    const uri = 'https://h.example/tool';
    expect(parse({ uri, output: './bin//tool', executable: true, cache: true, digest: DIGEST })).toEqual({
      ...{ uri, output: 'bin/tool', executable: true, extract: false, cache: true, digest: DIGEST },
    });
    expect(parse({ uri: 'https://h.example/a.tar', extract: false })).toMatchObject({
      output: 'a.tar',
      extract: false,
    });
    expect(parse({ uri: 'https://h.example/a', extract: true, output: 'x' })).toMatchObject({
      output: 'x',
      extract: true,
    });
  });

  test('is read as a request again as it is', () => {
    const once = parseFetches([{ uri: 'https://h.example/a.tar', digest: DIGEST }, { uri: 'image:x#/y' }]);
    expect(parseFetches(once)).toEqual(once);
  });

  test('comes from where its address says', () => {
    expect(fetchSource('https://h.example/a#b')).toEqual({ kind: 'web', url: 'https://h.example/a' });
    expect(fetchSource('file:///srv/../etc/a%20b')).toEqual({ kind: 'file', path: '/etc/a b' });
    expect(fetchSource('image:h:5000/a/b:1#/x/../y')).toEqual({ kind: 'image', reference: 'h:5000/a/b:1', path: '/y' });
  });
});

describe('is refused', () => {
  const web = 'https://h.example/a';
  test.each<[FetchRequest, string]>([
    [{ uri: 'nothing' }, 'fetch.malformed'],
    [{ uri: 'ftp://h.example/a' }, 'fetch.malformed'],
    [{ uri: 'https://user:secret@h.example/a' }, 'fetch.malformed'],
    [{ uri: 'file://h.example/a' }, 'fetch.malformed'],
    [{ uri: 'file:///a%00b' }, 'fetch.malformed'],
    [{ uri: 'file:///%ff' }, 'fetch.malformed'],
    [{ uri: 'image:alpine' }, 'fetch.malformed'],
    [{ uri: 'image:alpine#etc' }, 'fetch.malformed'],
    [{ uri: 'image:A B#/etc' }, 'fetch.malformed'],
    [{ uri: 'https://h.example/' }, 'fetch.badOutput'],
    [{ uri: web, output: '' }, 'fetch.badOutput'],
    [{ uri: web, output: '/etc/passwd' }, 'fetch.badOutput'],
    [{ uri: web, output: 'a/../../b' }, 'fetch.badOutput'],
    [{ uri: web, output: '.' }, 'fetch.badOutput'],
    [{ uri: web, output: 'x'.repeat(256) }, 'fetch.badOutput'],
    [{ uri: 'https://h.example/%2e%2e' }, 'fetch.badOutput'],
    [{ uri: 'https://h.example/a%2Fb%00' }, 'fetch.badOutput'],
    [{ uri: web, digest: 'md5:1' }, 'fetch.contradiction'],
    [{ uri: web, extract: true, executable: true }, 'fetch.contradiction'],
    [{ uri: 'file:///a', cache: true }, 'fetch.contradiction'],
    [{ uri: 'image:x#/a', extract: true }, 'fetch.contradiction'],
    [{ uri: 'image:x#/a', executable: true }, 'fetch.contradiction'],
    [{ uri: 'image:x#/a', digest: DIGEST }, 'fetch.contradiction'],
  ])('%o with %s', (request, code) => {
    expect(() => parse(request)).toThrow(expect.objectContaining({ code, kind: 'invalid-argument' }));
  });

  test('two files at one place', () => {
    const requests = [{ uri: 'https://h.example/a/x' }, { uri: 'https://h.example/b/x' }];
    expect(() => parseFetches(requests)).toThrow(expect.objectContaining({ code: 'fetch.badOutput' }));
  });

  test('more than can be looked after', () => {
    const requests = Array.from({ length: 65 }, (_, index) => ({ uri: `https://h.example/${index}` }));
    expect(() => parseFetches(requests)).toThrow(expect.objectContaining({ code: 'fetch.tooMany' }));
  });
});
