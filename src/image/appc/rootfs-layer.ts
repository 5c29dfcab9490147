import { memberPath, TAR_BLOCK_BYTES } from '../archive/tar-header.ts';
import { tarHeader } from '../embedded/tar-writer.ts';
import { contentErrors } from '../layer-stream.ts';
import { type StreamedMember, tarMembers } from './tar-stream.ts';

const ROOTFS = 'rootfs';
const MANIFEST = 'manifest';
const NAME_BYTES = 100;

export interface RootfsLayerContext {
  /** Names the image in errors. */
  readonly what: string;
  readonly maxHeaderBytes: number;
  readonly maxManifestBytes: number;
  /** Told the file `manifest`, wherever in the archive it comes. */
  readonly onManifest: (bytes: Uint8Array) => void;
}

/**
 * What is in `rootfs/` of an appc image, as the tar stream of a layer (appc spec 0.8, "Image Layout"). Each member keeps
 * its block but for its name, so owners, times and all else stay as they are.
 */
export async function* rootfsLayer(
  archive: AsyncIterable<Uint8Array>,
  context: RootfsLayerContext,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const member of tarMembers(archive, context)) {
    if (member.path === MANIFEST && member.type === '0') {
      context.onManifest(await small(member, context));
      continue;
    }
    const path = belowRootfs(member.path);
    if (path === undefined) continue;
    // A hard link names its target from the archive's root, a symlink as the container sees it.
    const linkPath = member.type === '1' ? belowRootfs(memberPath(member.linkPath)) : member.linkPath;
    if (linkPath === undefined) continue;
    yield* renamed(member, path, linkPath);
    yield* member.padded;
  }
  yield new Uint8Array(2 * TAR_BLOCK_BYTES);
}

/** @returns `undefined` for what is not in the root file system */
function belowRootfs(path: string): string | undefined {
  const bare = path.replace(/\/+$/, '');
  if (bare === ROOTFS) return './';
  return path.startsWith(`${ROOTFS}/`) ? memberPath(path.slice(ROOTFS.length + 1)) : undefined;
}

function* renamed(member: StreamedMember, path: string, linkPath: string): Generator<Uint8Array, void, undefined> {
  const { path: _, linkpath: __, ...others } = Object.fromEntries(member.attributes);
  const fits = (text: string): boolean => Buffer.byteLength(text) <= NAME_BYTES;
  const records = Object.entries({
    ...others,
    ...(fits(path) ? {} : { path }),
    ...(fits(linkPath) ? {} : { linkpath: linkPath }),
  });
  if (records.length > 0) {
    const content = Buffer.concat(records.map(([key, value]) => paxRecord(key, value)));
    const header = Buffer.from(tarHeader({ path: 'pax', mode: 0o644, content }, content.length));
    header.write('x', 156, 'ascii');
    yield withChecksum(header);
    yield content;
    yield new Uint8Array((TAR_BLOCK_BYTES - (content.length % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES);
  }
  const block = Buffer.from(member.block);
  block.fill(0, 0, NAME_BYTES).write(path, 0, NAME_BYTES, 'utf8');
  block.fill(0, 157, 257).write(linkPath, 157, NAME_BYTES, 'utf8');
  // Only POSIX headers have the rest of a long name there; GNU's have times.
  if (block.toString('latin1', 257, 263) === 'ustar\0') block.fill(0, 345, 500);
  yield withChecksum(block);
}

/** `LENGTH KEY=VALUE\n`, where the length counts its own digits. */
function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.from(` ${key}=${value}\n`);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function withChecksum(block: Buffer): Buffer {
  block.write('        ', 148, 'ascii');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'ascii');
  return block;
}

async function small(member: StreamedMember, { what, maxManifestBytes }: RootfsLayerContext): Promise<Uint8Array> {
  const { sizeBytes } = member;
  if (sizeBytes > maxManifestBytes) {
    throw contentErrors.tooLarge({ what: `the manifest of ${what}`, sizeBytes, limitBytes: maxManifestBytes });
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of member.padded) chunks.push(chunk);
  return Buffer.concat(chunks).subarray(0, sizeBytes);
}
