import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { buildImage, buildIndex, layoutOf } from '../../src/image/built-image.fixture.ts';
import { TYPE, tarArchive, tarEntry } from '../support/tar-writer.ts';

const FILES = 20_000;
const LAYERS = 12;
const LARGE_LAYERS = 4;
const MEMBER_BYTES = 16 << 20;

/** Twenty thousand small files in twelve layers, as an OCI layout. @returns what skopeo calls it */
export function makeManyFiles(directory: string): string {
  const perLayer = Math.ceil(FILES / LAYERS);
  const text = randomBytes(1 << 20).toString('hex');
  const tars = Array.from({ length: LAYERS }, (_, layer) => {
    const first = layer * perLayer;
    const names = Array.from({ length: Math.min(perLayer, FILES - first) }, (_, at) => first + at);
    const files = names.map((number) => ({
      name: `srv/app-${layer}/part-${number % 40}/file-${number}.js`,
      data: text.slice(number, number + 500 + ((number * 131) % 4000)),
    }));
    const directories = [
      'srv/',
      `srv/app-${layer}/`,
      ...Array.from({ length: 40 }, (_, at) => `srv/app-${layer}/part-${at}/`),
    ];
    return tarArchive([...directories.map((name) => ({ name, type: TYPE.directory, mode: 0o755 })), ...files]);
  });
  const image = buildImage(tars, { config: {} });
  for (const [path, bytes] of layoutOf(buildIndex([{ image, name: 'latest' }]), [image])) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), bytes);
  }
  return `oci:${directory}:latest`;
}

/** Layers of half a gigabyte each, of bytes that do not compress. @returns what skopeo calls it */
export function makeLarge(directory: string, totalBytes: number): string {
  const blobs = join(directory, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  const noise = randomBytes(MEMBER_BYTES);
  const member = gzipSync(noise, { level: 1 });
  const members = Math.floor(totalBytes / LARGE_LAYERS / MEMBER_BYTES);
  const layers = Array.from({ length: LARGE_LAYERS }, (_, layer) => {
    const size = members * MEMBER_BYTES;
    const header = tarEntry({ name: `large-${layer}`, size }).subarray(0, 512);
    const pieces = [header, ...Array.from({ length: members }, () => undefined), Buffer.alloc(1024)];
    const path = join(directory, `layer-${layer}`);
    const file = openSync(path, 'w');
    const [packed, plain] = [createHash('sha256'), createHash('sha256')];
    let bytes = 0;
    for (const piece of pieces) {
      const compressed = piece === undefined ? member : gzipSync(piece);
      packed.update(compressed);
      plain.update(piece ?? noise);
      writeSync(file, compressed);
      bytes += compressed.length;
    }
    closeSync(file);
    const hex = packed.digest('hex');
    execFileSync('mv', [path, join(blobs, hex)]);
    return { digest: `sha256:${hex}`, size: bytes, diffId: `sha256:${plain.digest('hex')}` };
  });
  writeDocuments(directory, layers);
  return `oci:${directory}:latest`;
}

function writeDocuments(
  directory: string,
  layers: readonly { readonly digest: string; readonly size: number; readonly diffId: string }[],
): void {
  const put = (document: object): { readonly digest: string; readonly size: number } => {
    const bytes = Buffer.from(JSON.stringify(document));
    const hex = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(directory, 'blobs/sha256', hex), bytes);
    return { digest: `sha256:${hex}`, size: bytes.length };
  };
  const oci = 'application/vnd.oci.image';
  const rootfs = { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) };
  const config = put({ os: 'linux', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64', config: {}, rootfs });
  const mediaType = `${oci}.layer.v1.tar+gzip`;
  const manifest = put({
    schemaVersion: 2,
    mediaType: `${oci}.manifest.v1+json`,
    config: { mediaType: `${oci}.config.v1+json`, ...config },
    layers: layers.map(({ digest, size }) => ({ mediaType, digest, size })),
  });
  const annotations = { 'org.opencontainers.image.ref.name': 'latest' };
  const entry = { mediaType: `${oci}.manifest.v1+json`, ...manifest, annotations };
  writeFileSync(join(directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  writeFileSync(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
}
