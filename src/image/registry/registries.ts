import type { Clock, Files, Random } from '../../base/effects.ts';
import type { RegistryReference } from '../../model/image-reference.ts';
import type { RegistryCredential } from '../../model/registry-credential.ts';
import { DOCKER_HUB } from '../../model/registry-name.ts';
import { DEFAULT_LIMITS, type ImageLimits } from '../limits.ts';
import type { ImageSource } from '../source.ts';
import type { ImageTarget } from '../target.ts';
import { Authorizer } from './authorizer.ts';
import { HostClient } from './host-client.ts';
import { defaultHosts, type HostSettings, mirroredNamespace, type TlsSettings } from './host-settings.ts';
import { readHosts } from './hosts-directory.ts';
import { checkLogin } from './login.ts';
import type { OnNotice } from './notice.ts';
import { onlyProxy, type ProxySettings, proxySettings } from './proxy.ts';
import { fetchReferrers, type ReferrersRequest } from './referrers.ts';
import { RegistrySource } from './registry-source.ts';
import { RegistryTarget } from './registry-target.ts';
import { type FoundRepository, type SearchRequest, searchRegistry } from './search.ts';
import { RegistrySession } from './session.ts';
import { CertificateStore, type TlsMaterial } from './tls.ts';
import { TokenCache } from './token-cache.ts';
import { RegistryTransport } from './transport.ts';

export interface RegistriesOptions {
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  /** With folders as of containerd's certs.d; `undefined` for none. */
  readonly hostsDirectory?: string | undefined;
  /** For proxies and authorities: HTTP_PROXY, HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly limits?: Partial<ImageLimits>;
  /** Told of hosts that have failed and were left for others. */
  readonly report?: (what: string, error: unknown) => void;
}

export interface TargetOptions {
  readonly credential?: RegistryCredential | undefined;
  /** Repositories of the same registry that may have the blobs already. */
  readonly mountFrom?: readonly string[];
  readonly onNotice?: OnNotice | undefined;
}

/** Who asks, and for what. */
interface Access {
  readonly scope: string;
  readonly credential: RegistryCredential | undefined;
  /** Default: those of all. */
  readonly tokens?: TokenCache;
  readonly onIdentityToken?: (token: string) => void;
  readonly onNotice?: OnNotice | undefined;
}

/** All registries, as this machine knows them: their hosts, certificates, proxies, and the tokens that still count. */
export class Registries {
  readonly #options: RegistriesOptions;
  readonly #limits: ImageLimits;
  readonly #tokens: TokenCache;
  readonly #certificates: CertificateStore;
  readonly #proxies: ProxySettings;

  constructor(options: RegistriesOptions) {
    const env = options.env ?? {};
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#tokens = new TokenCache(options.clock);
    this.#certificates = new CertificateStore(options.files, env.SSL_CERT_FILE);
    this.#proxies = proxySettings(env);
  }

  /** An image to read; nothing is asked before its first call. */
  source(reference: RegistryReference, credential?: RegistryCredential, onNotice?: OnNotice): ImageSource {
    const scope = `repository:${reference.repository}:pull`;
    const session = this.#session(reference.registry, { scope, credential, onNotice });
    return new RegistrySource(reference, session, this.#limits);
  }

  /** A place for an image; nothing is asked before its first call. */
  target(reference: RegistryReference, { credential, mountFrom = [], onNotice }: TargetOptions = {}): ImageTarget {
    const scopes = [
      `repository:${reference.repository}:pull,push`,
      ...mountFrom.map((repository) => `repository:${repository}:pull`),
    ];
    const session = this.#session(reference.registry, { scope: scopes.join(' '), credential, onNotice });
    return new RegistryTarget(reference, session, { limits: this.#limits, mountFrom });
  }

  /** What refers to a manifest: signatures, attestations, other artifacts. */
  async referrers(
    reference: RegistryReference,
    request: ReferrersRequest,
    credential?: RegistryCredential,
  ): Promise<Awaited<ReturnType<typeof fetchReferrers>>> {
    const scope = `repository:${reference.repository}:pull`;
    const session = this.#session(reference.registry, { scope, credential });
    try {
      return await fetchReferrers(session, reference, { ...request, limits: this.#limits });
    } finally {
      session.close();
    }
  }

  /**
   * Shows a registry a credential.
   *
   * @returns the identity token that its token service gives for a password, if it gives one
   * @throws {EngineError} `registry.loginRefused` (unauthenticated) when it does not count
   */
  async checkLogin(registry: string, credential: RegistryCredential, signal: AbortSignal): Promise<string | undefined> {
    let identityToken: string | undefined;
    const onIdentityToken = (token: string): void => {
      identityToken = token;
    };
    // What was given for it before proves nothing of now.
    const tokens = new TokenCache(this.#options.clock);
    const session = this.#session(registry, { scope: '', credential, tokens, onIdentityToken });
    try {
      await checkLogin(session, registry, signal);
      return credential.kind === 'password' ? identityToken : undefined;
    } finally {
      session.close();
    }
  }

  /** Repositories whose names or descriptions hold a text. */
  async search(request: SearchRequest, credential?: RegistryCredential): Promise<readonly FoundRepository[]> {
    const { registry } = request;
    const session = this.#session(registry, { scope: 'registry:catalog:*', credential });
    // What registries had before version 2 stands beside it, at another host for Docker Hub.
    const index = registry === DOCKER_HUB ? this.#indexSession() : undefined;
    try {
      return await searchRegistry({ session, index }, request);
    } finally {
      session.close();
      index?.close();
    }
  }

  #session(registry: string, access: Access): RegistrySession {
    const { files, hostsDirectory, report } = this.#options;
    const open = async () => {
      const { hosts, path } = await readHosts(files, hostsDirectory, registry);
      const materials = await Promise.all(hosts.map(({ tls }) => this.#checkedMaterial(tls)));
      const clientOf = (settings: HostSettings, index: number) =>
        this.#client(settings, { ...access, registry }, materials[index]);
      return { hosts: hosts.map(clientOf), path };
    };
    return new RegistrySession({ registry, open, onNotice: access.onNotice, report });
  }

  /** What a file of ours is at fault for is told before anybody is asked: else another host would hide it. */
  async #checkedMaterial(tls: TlsSettings): Promise<TlsMaterial | undefined> {
    const isOrdinary = tls.authorityPaths.length + tls.clientPaths.length === 0;
    return isOrdinary ? undefined : await this.#certificates.material(tls);
  }

  #indexSession(): RegistrySession {
    const registry = 'index.docker.io';
    const access = { registry, scope: '', credential: undefined };
    const open = async () => {
      const hosts = defaultHosts(registry).map((settings) => this.#client(settings, access));
      return { hosts, path: undefined };
    };
    return new RegistrySession({ registry, open });
  }

  #client(settings: HostSettings, access: Access & { readonly registry: string }, tls?: TlsMaterial): HostClient {
    const { clock, random } = this.#options;
    const transport = new RegistryTransport({
      stallMs: this.#limits.stallMs,
      connectMs: settings.connectMs,
      proxies: settings.proxy === undefined ? this.#proxies : onlyProxy(settings.proxy),
      headers: settings.headers,
      tls: async () => tls ?? (await this.#certificates.material(settings.tls)),
    });
    const credential = settings.isOwn ? access.credential : undefined;
    const { base } = settings;
    const { scope, tokens = this.#tokens } = access;
    const onIdentityToken = settings.isOwn ? access.onIdentityToken : undefined;
    const authorizer = new Authorizer({ transport, tokens, base, scope, credential, onIdentityToken });
    const namespace = mirroredNamespace(settings, access.registry);
    const { onNotice } = access;
    const parts = { settings, transport, authorizer, namespace, bounds: this.#limits, clock, random, onNotice };
    return new HostClient(parts);
  }
}
