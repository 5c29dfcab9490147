import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseDigest } from './digest.ts';
import { formatImageReference, parseImageReference, shortImageReference, withAbsolutePath } from './image-reference.ts';

const HEX = 'a'.repeat(64);

function full(text: string): string {
  return formatImageReference(parseImageReference(text));
}

test.each([
  ['alpine', 'docker.io/library/alpine:latest'],
  ['alpine:3.20', 'docker.io/library/alpine:3.20'],
  ['grafana/loki', 'docker.io/grafana/loki:latest'],
  ['docker.io/alpine', 'docker.io/library/alpine:latest'],
  ['index.docker.io/alpine', 'docker.io/library/alpine:latest'],
  ['localhost/app', 'localhost/app:latest'],
  ['localhost:5000/app:1', 'localhost:5000/app:1'],
  ['127.0.0.1:5000/debian:12', '127.0.0.1:5000/debian:12'],
  ['[::1]:5000/debian', '[::1]:5000/debian:latest'],
  ['quay.io/a/b/c', 'quay.io/a/b/c:latest'],
  ['Host/app', 'Host/app:latest'],
  [`alpine@sha256:${HEX}`, `docker.io/library/alpine@sha256:${HEX}`],
  [`alpine:3@sha256:${HEX}`, `docker.io/library/alpine:3@sha256:${HEX}`],
  ['a__b/c--d.e_f', 'docker.io/a__b/c--d.e_f:latest'],
  ['oci:/srv/layout', 'oci:/srv/layout'],
  ['oci:/srv/layout:v1', 'oci:/srv/layout:v1'],
  ['oci:/srv/layout:docker.io/library/alpine:3', 'oci:/srv/layout:docker.io/library/alpine:3'],
  ['oci-archive:image.tar:latest', 'oci-archive:image.tar:latest'],
  ['embedded:hello', 'embedded:hello'],
  ['docker://alpine', 'docker.io/library/alpine:latest'],
  ['docker-archive:/srv/x.tar', 'docker-archive:/srv/x.tar'],
  ['docker-archive:/srv/x.tar:alpine:3', 'docker-archive:/srv/x.tar:alpine:3'],
  ['docker-archive:/srv/x.tar:@1', 'docker-archive:/srv/x.tar:@1'],
  ['dir:/srv/root', 'dir:/srv/root'],
  ['tar:/srv/root.tar', 'tar:/srv/root.tar'],
  ['docker-daemon:docker.io/library/alpine', 'docker-daemon:alpine:latest'],
  [`docker-daemon:sha256:${HEX}`, `docker-daemon:sha256:${HEX}`],
  ['aci:/srv/x.aci', 'aci:/srv/x.aci'],
  ['aci:https://example.com/x.aci', 'aci:https://example.com/x.aci'],
  ['aci:example.com/app:1.0,os=linux', 'aci:example.com/app:1.0,os=linux'],
  ['aci:localhost:5000/app:1', 'aci:localhost:5000/app:1'],
])('%s means %s', (text, expected) => {
  expect(full(text)).toBe(expected);
});

test.each([
  ['', 'it is empty'],
  ['Alpine', 'must be lower case'],
  ['alpine:', 'is not a tag'],
  ['alpine:-x', 'is not a tag'],
  [`alpine:${'x'.repeat(129)}`, 'is not a tag'],
  ['alpine@sha256:abc', '64 lower-case hex digits'],
  [`alpine@sha512:${HEX}`, '64 lower-case hex digits'],
  ['a//b', 'is not letters and digits'],
  ['a___b', 'is not letters and digits'],
  ['-a', 'is not letters and digits'],
  ['../etc/passwd', 'is not a registry host'],
  ['host.io/', 'the repository is missing'],
  ['host.io:99999/a', 'is not a registry host'],
  ['host.io:/a', 'is not a registry host'],
  ['a..b/c', 'is not a registry host'],
  [HEX, 'image id'],
  [`${'a/'.repeat(200)}a`, 'more than 255'],
  ['a b', 'is not letters and digits'],
  ['oci:', 'the directory is missing'],
  ['oci:/srv/layout:', 'is not a tag'],
  ['oci-archive::tag', 'the file is missing'],
  ['embedded:../x', 'embedded image'],
  ['docker-archive:', 'the file is missing'],
  ['oci:/srv/layout:@1', 'is not a tag'],
  ['dir:', 'the directory is missing'],
  ['tar:', 'the file is missing'],
  ['docker-daemon:', 'the name of the image is missing'],
  ['docker-daemon:Alpine', 'must be lower case'],
  ['aci:', 'the file, URL or name is missing'],
  ['aci:ftp://example.com/x', 'no http URL'],
  ['docker://', 'the repository is missing'],
])('%j is refused and named: %s', (text, reason) => {
  expect(() => parseImageReference(text)).toThrow(reason);
  expect(() => parseImageReference(text)).toThrow(JSON.stringify(text));
});

test('a digest without a tag gets no default tag', () => {
  expect(parseImageReference(`alpine@sha256:${HEX}`)).toEqual({
    kind: 'registry',
    registry: 'docker.io',
    repository: 'library/alpine',
    tag: undefined,
    digest: parseDigest(`sha256:${HEX}`),
  });
});

test.each([
  ['docker.io/library/alpine:3', 'alpine:3'],
  ['docker.io/grafana/loki:1', 'grafana/loki:1'],
  ['docker.io/library/a/b:1', 'library/a/b:1'],
  ['quay.io/x/y:1', 'quay.io/x/y:1'],
])('%s is shown as %s', (text, expected) => {
  expect(shortImageReference(parseImageReference(text))).toBe(expected);
});

test.each([
  ['oci:./out:v1', 'oci:/srv/u/out:v1'],
  ['docker-archive:x.tar', 'docker-archive:/srv/u/x.tar'],
  ['dir:.', 'dir:/srv/u/.'],
  ['tar:../x.tar', 'tar:/srv/u/../x.tar'],
  ['aci:x.aci', 'aci:/srv/u/x.aci'],
  ['aci:example.com/app', 'aci:example.com/app'],
  ['docker-daemon:app', 'docker-daemon:app:latest'],
])('%s is taken from the given directory', (text, expected) => {
  expect(formatImageReference(withAbsolutePath(parseImageReference(text), '/srv/u/'))).toBe(expected);
});

const part = fc.stringMatching(/^[a-z0-9]{1,8}([._-][a-z0-9]{1,4})?$/);
const host = fc.oneof(
  fc.constant('localhost'),
  fc.constant('docker.io'),
  fc.constant('10.0.0.1:5000'),
  fc.constant('r.io'),
);
const wellFormed = fc
  .record({
    host: fc.option(host),
    path: fc.array(part, { minLength: 1, maxLength: 4 }),
    tag: fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,10}$/)),
    digest: fc.option(fc.stringMatching(/^[0-9a-f]{64}$/)),
  })
  .map(({ host, path, tag, digest }) =>
    [
      host === null ? '' : `${host}/`,
      path.join('/'),
      tag === null ? '' : `:${tag}`,
      digest === null ? '' : `@sha256:${digest}`,
    ].join(''),
  );

test('formatting and parsing again changes nothing', () => {
  fc.assert(
    fc.property(wellFormed, (text) => {
      const once = full(text);
      expect(full(once)).toBe(once);
      expect(parseImageReference(once)).toEqual(parseImageReference(text));
      expect(full(shortImageReference(parseImageReference(text)))).toBe(once);
    }),
  );
});

test('any text either parses to a stable spelling or is refused as malformed', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string({ unit: fc.constantFrom(...'ab0:/@.-_[]LO', 'dir:', 'aci:', 'docker-daemon:', 'docker-archive:') }),
      ),
      (text) => {
        let once: string;
        try {
          once = full(text);
        } catch (error) {
          expect(error).toMatchObject({ code: 'image-reference.malformed' });
          return;
        }
        expect(full(once)).toBe(once);
      },
    ),
  );
});

test.each([
  ['containers-storage:alpine', 'containers-storage'],
  ['containers-storage:[overlay@/var/lib/containers]docker.io/library/alpine:3', 'containers-storage'],
  ['ostree:docker.io/library/alpine@/ostree/repo', 'ostree'],
  ['sif:/images/alpine.sif', 'sif'],
  ['sif:alpine.sif', 'sif'],
  ['tarball:./rootfs', 'tarball'],
  ['tarball:rootfs.tar.gz', 'tarball'],
  ['tarball:-', 'tarball'],
  ['atomic:registry.example/ns/stream:1', 'atomic'],
  ['ostree:', 'ostree'],
])('%s is of a transport that is not served, and is refused by its name', (text, transport) => {
  const refused = expect.objectContaining({
    code: 'image-reference.foreignTransport',
    message: expect.stringContaining(`${transport}:`),
    remedy: expect.stringMatching(/oci-archive:FILE.*docker-daemon:NAME.*skopeo copy/),
  });
  expect(() => parseImageReference(text)).toThrow(refused);
});

test.each([
  ['ostree:1', 'docker.io/library/ostree:1'],
  ['sif:latest', 'docker.io/library/sif:latest'],
  ['sif:5000/app', 'sif:5000/app:latest'],
  [`atomic:1@sha256:${'a'.repeat(64)}`, `docker.io/library/atomic:1@sha256:${'a'.repeat(64)}`],
  ['ostree/app:1', 'docker.io/ostree/app:1'],
  ['tarball', 'docker.io/library/tarball:latest'],
])('%s is a name that begins as a transport does', (text, full) => {
  expect(formatImageReference(parseImageReference(text))).toBe(full);
});

test('a name of Docker Hub that would be taken for a foreign transport keeps its registry', () => {
  const text = 'docker.io/library/containers-storage:latest';
  expect(shortImageReference(parseImageReference(text))).toBe(text);
});
