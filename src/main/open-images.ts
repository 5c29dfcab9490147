import type { Effects } from '../base/effects.ts';
import type { EngineProblem } from '../engine/problem.ts';
import { createImages } from '../image/image-store.ts';
import type { Images } from '../image/images.ts';
import type { ConnectLayerWorker } from '../image/layer-store.ts';
import { DEFAULT_LIMITS } from '../image/limits.ts';
import { Registries } from '../image/registry/registries.ts';
import { TrustFile } from '../image/trust/trust-file.ts';
import { type WebWay, webWay } from '../image/web/web-way.ts';
import { type DockerHost, dockerHostOf } from '../model/docker-host.ts';
import { collectYoung, relievedWorkers } from './young-collections.ts';

/** What an engine is told of its images. */
export interface ImageChoices {
  /** Says which hosts and certificates registries have; default `/etc/isopod/certs.d`. */
  readonly registryHostsDirectory?: string | undefined;
  /** File that says which images are taken; the default one, where it is, unless given. */
  readonly trustPolicy?: string | undefined;
  /** For proxies and authorities; default: none. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** What a store shares with what moves its images. */
export interface ImageStoreParts {
  readonly effects: Effects;
  readonly root: string;
  readonly connectWorker: ConnectLayerWorker;
  readonly registries: Registries;
  readonly dockerHost: DockerHost;
  readonly trust: TrustFile;
}

/** As packages and administrators write it. */
const REGISTRY_HOSTS = '/etc/isopod/certs.d';

/** Reads the trust policy. @throws {EngineError} `trust.malformedPolicy`, `.unreadablePolicy`, `.unusableKey` (failed-precondition) */
export async function openTrust(effects: Effects, { trustPolicy, env = {} }: ImageChoices): Promise<TrustFile> {
  const way = webWay(effects.files, env);
  const trust = new TrustFile({ ...effects, stallMs: DEFAULT_LIMITS.stallMs, way }, trustPolicy);
  await trust.open();
  return trust;
}

export function openImages(
  effects: Effects,
  choices: ImageChoices & { readonly report: (problem: EngineProblem) => void },
  parts: {
    readonly root: string;
    readonly hello: string;
    readonly trust: TrustFile;
    readonly connectWorker: ConnectLayerWorker;
  },
): { readonly images: Images; readonly store: ImageStoreParts; readonly way: WebWay } {
  const { root, hello, trust, connectWorker } = parts;
  const hostsDirectory = choices.registryHostsDirectory ?? REGISTRY_HOSTS;
  const { env = {} } = choices;
  const report = (what: string, error: unknown): void => choices.report({ what, error });
  const registries = new Registries({ ...effects, hostsDirectory, env, report });
  const workers = relievedWorkers(connectWorker, collectYoung());
  const store = { effects, root, connectWorker: workers, registries, dockerHost: dockerHostOf(env), trust };
  return { images: createImages({ ...store, embeddedPrograms: { hello } }), store, way: webWay(effects.files, env) };
}
