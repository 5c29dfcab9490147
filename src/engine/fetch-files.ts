import type { FetchedFile } from '../fetcher/fetcher.ts';
import { packedDirectory, packedFile } from '../fetcher/packed.ts';
import { decompressed } from '../image/compression/decompressed.ts';
import { DEFAULT_LIMITS } from '../image/limits.ts';
import { inParallel } from '../image/parallel.ts';
import type { MonitorLink, ProcessIdentity } from '../launcher/launcher.ts';
import type { CopyRoot, Owners, TreeCopy } from '../linux/tree-copy.ts';
import { type FetchItem, fetchSource } from '../model/fetch.ts';
import type { LaunchPlan } from '../model/launch-plan.ts';
import type { Container } from './container.ts';
import { idsInside, parseStatus } from './debugged.ts';
import { type FilePlace, fileError } from './file-errors.ts';
import { DEADLINES, type EngineHost } from './host.ts';
import { credentialFor, resolveImage } from './launch-image.ts';
import type { PlannedLaunch } from './planned-launch.ts';

const PARALLEL = 4;
const FILE_MODE = 0o644;
const PROGRAM_MODE = 0o755;

interface Fetching {
  readonly container: Container;
  readonly process: ProcessIdentity;
  readonly workdir: string;
  readonly planText: string;
  readonly signal: AbortSignal;
}

interface Placing extends Fetching {
  readonly owners: Owners;
}

/**
 * Gives a container the files that it was to get, once it is made and before its command runs: into its working directory,
 * in its own root and with its own users, wherever links in there lead. A later life has them already.
 *
 * @throws {EngineError} `fetcher.*`, `web.*`, `files.*`, `image-compression.*`; `engine.overdue`
 */
export async function fetchFiles(
  host: EngineHost,
  launched: {
    readonly container: Container;
    readonly link: MonitorLink;
    readonly planned: Pick<PlannedLaunch, 'workdir' | 'planText'>;
  },
): Promise<void> {
  const { container, link, planned } = launched;
  const items = container.config.fetch ?? [];
  if (items.length === 0 || container.isRelaunch) return;
  container.advance('fetching');
  const end = new AbortController();
  const signal = AbortSignal.any([container.cancelled, end.signal]);
  // What cannot be launched needs no files.
  link.prepared.catch((error: unknown) => end.abort(error));
  const work = link.cloned.then((process) =>
    fetchAll(host, { ...planned, container, process, signal }, { items, prepared: link.prepared }),
  );
  const { uid } = container;
  const step = { what: 'fetching its files', uid, ms: DEADLINES.fetchMs, signal: container.cancelled };
  try {
    await host.operations.within(step, work);
    container.advance('prepared');
  } catch (error) {
    end.abort(error);
    await work.catch(() => {}); // nobody writes any more into what is then taken back
    throw error;
  }
}

async function fetchAll(
  host: EngineHost,
  fetching: Fetching,
  { items, prepared }: { readonly items: readonly FetchItem[]; readonly prepared: Promise<void> },
): Promise<void> {
  const opened = new Map<FetchItem, FetchedFile>();
  try {
    const fetched = items.filter(({ uri }) => fetchSource(uri).kind !== 'image');
    await inParallel(fetched, { limit: PARALLEL, signal: fetching.signal }, async (item, signal) => {
      opened.set(item, await host.fetcher.open(item, signal));
    });
    await prepared;
    const owners = await ownersOf(host, fetching);
    // One after the other: what an archive holds may be where another file is to lie.
    for (const item of items) {
      fetching.signal.throwIfAborted();
      await place(host, { ...fetching, owners }, { item, file: opened.get(item) });
    }
  } finally {
    await Promise.all([...opened.values()].map((file) => file.release()));
  }
}

async function place(
  host: EngineHost,
  fetching: Placing,
  { item, file }: { readonly item: FetchItem; readonly file: FetchedFile | undefined },
): Promise<void> {
  const { workdir } = fetching;
  const { uri, output, executable } = item;
  if (file === undefined) return placeOfImage(host, fetching, item);
  const mtimeSeconds = Math.floor(host.effects.clock.nowMs() / 1000);
  if (!item.extract) {
    const facts = {
      path: output,
      mode: executable ? PROGRAM_MODE : FILE_MODE,
      sizeBytes: file.sizeBytes,
      mtimeSeconds,
    };
    return unpackInto(host, fetching, { path: workdir, uri, content: packedFile(facts, file.read()) });
  }
  if (output !== '.') {
    await unpackInto(host, fetching, { path: workdir, uri, content: packedDirectory(output, mtimeSeconds) });
  }
  const content = file.unzip?.() ?? decompressed(file.read(), uri, DEFAULT_LIMITS, { compressedBytes: file.sizeBytes });
  await unpackInto(host, fetching, { path: output === '.' ? workdir : `${workdir}/${output}`, uri, content });
}

/** The user that its command will have: all steps are done, and the process is what it will be. */
async function ownersOf(host: EngineHost, { process, planText }: Fetching): Promise<Owners> {
  // Who is not root can give files to nobody.
  if (host.hostFacts.launcher === 'posix') return 'caller';
  const found = parseStatus(await host.effects.files.readText(`/proc/${process.pid}/status`).catch(() => ''));
  // It has ended, and the way into its root says so.
  return found === undefined ? 'root' : idsInside(found, JSON.parse(planText) as LaunchPlan);
}

/** The layers are only read, so whoever else uses the image sees nothing of it. */
async function placeOfImage(host: EngineHost, fetching: Placing, { uri, output }: FetchItem): Promise<void> {
  const source = fetchSource(uri);
  if (source.kind !== 'image') return;
  const { container, workdir, signal } = fetching;
  const { reference, path } = source;
  const config = { rootfs: { kind: 'image', reference } } as const;
  const asked = { config, pull: container.pull, credential: credentialFor(container, reference) };
  const image = await resolveImage(host.images, asked, signal);
  if (image === undefined) return;
  const lower = await host.provisioner.layers(image);
  const place = { uid: container.uid, path, uri, image: reference };
  await inRoot(host, fetching, { root: { kind: 'overlay', lower }, place }, async (copy) => {
    await copy.lookAt(path, true);
    const packed = copy.pack({ path, name: output === '.' ? '' : output, followLink: true, attributes: true });
    await unpackInto(host, fetching, { path: workdir, uri, content: toldAt(place, packed) });
  });
}

/** What the helper refuses of a source is told of the source, and not of where it was to go. */
async function* toldAt(
  place: FilePlace,
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* content;
  } catch (error) {
    throw fileError(error, place);
  }
}

/** Into the container's own root. */
async function unpackInto(
  host: EngineHost,
  fetching: Placing,
  { path, uri, content }: { readonly path: string; readonly uri: string; readonly content: AsyncIterable<Uint8Array> },
): Promise<void> {
  const { owners } = fetching;
  const root = { kind: 'process', ...fetching.process } as const;
  const place = { uid: fetching.container.uid, path, uri };
  await inRoot(host, fetching, { root, place }, (copy) => copy.unpack({ path, owners }, content));
}

async function inRoot<Result>(
  host: EngineHost,
  { container, signal }: Fetching,
  { root, place }: { readonly root: CopyRoot; readonly place: FilePlace },
  work: (copy: TreeCopy) => Promise<Result>,
): Promise<Result> {
  signal.throwIfAborted();
  const { uid } = container;
  const worker = await host.takeWorker();
  const stop = (): void => worker.close();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const step = { what: 'the way into its root', uid, ms: DEADLINES.hookMs };
    return await work(await host.operations.within(step, worker.enterRoot(root)));
  } catch (error) {
    signal.throwIfAborted();
    throw fileError(error, place);
  } finally {
    signal.removeEventListener('abort', stop);
    worker.close();
  }
}
