import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const APPLETS = [
  'sh',
  'true',
  'sleep',
  'cat',
  'ls',
  'readlink',
  'wc',
  'grep',
  'sort',
  'echo',
  'false',
  'id',
  'env',
  'hostname',
  'head',
  'dd',
  'yes',
  'mount',
];

/** A root file system of one static busybox. @returns the directory */
export function makeBusyboxRootfs(directory: string): string {
  for (const name of ['bin', 'etc', 'proc', 'sys', 'dev', 'tmp', 'root'])
    mkdirSync(join(directory, name), { recursive: true });
  copyFileSync('/bin/busybox', join(directory, 'bin/busybox'));
  for (const applet of APPLETS) symlinkSync('busybox', join(directory, 'bin', applet));
  writeFileSync(
    join(directory, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n',
  );
  writeFileSync(join(directory, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
  return directory;
}

/** An OCI layout (image-spec v1.1, image-layout.md) of one uncompressed layer. @returns the layout's directory */
export function makeBusyboxLayout(directory: string): string {
  const rootfs = makeBusyboxRootfs(join(directory, 'rootfs'));
  const layout = join(directory, 'layout');
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
  const tar = join(directory, 'layer.tar');
  execFileSync('tar', ['--format=pax', '--numeric-owner', '--owner=0', '--group=0', '-C', rootfs, '-cf', tar, '.']);
  const layer = putBlob(layout, readFileSync(tar), 'application/vnd.oci.image.layer.v1.tar');
  const config = putBlob(
    layout,
    json({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: { Cmd: ['sh'], Env: ['PATH=/bin'] },
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    }),
    'application/vnd.oci.image.config.v1+json',
  );
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = putBlob(layout, json({ schemaVersion: 2, mediaType, config, layers: [layer] }), mediaType);
  const annotations = { 'org.opencontainers.image.ref.name': 'latest' };
  writeFileSync(join(layout, 'index.json'), json({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }));
  writeFileSync(join(layout, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }));
  return layout;
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function putBlob(layout: string, bytes: Buffer, mediaType: string) {
  const hex = createHash('sha256').update(bytes).digest('hex');
  writeFileSync(join(layout, 'blobs/sha256', hex), bytes);
  return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
}
