import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import type { Files } from '../../base/effects.ts';
import { systemErrorCode } from '../../model/error.ts';
import { hostSettingsErrors, type TlsSettings } from './host-settings.ts';
import { faultOfAuthorities, faultOfClient } from './pem.ts';

/** Where distributions keep the authorities of the machine, in one file (Debian, Fedora, SUSE, Alpine). */
const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/** What a connection to a host needs to know of certificates. */
export interface TlsMaterial {
  /** For the host itself: its authorities, each with one certificate of ours; not empty. A context has one, for Node lets nobody choose. */
  readonly own: readonly { readonly context: SecureContext; readonly certificate: string | undefined }[];
  /** For where it redirects: its authorities, but never our certificate. */
  readonly elsewhere: SecureContext;
  readonly isVerified: boolean;
}

/** Certificates as connections use them; the machine's own authorities are read once. */
export class CertificateStore {
  readonly #files: Files;
  readonly #bundle: string | undefined;
  #known: Promise<readonly string[]> | undefined;
  #ordinary: Promise<SecureContext> | undefined;

  /** @param bundle a file that replaces the machine's, as SSL_CERT_FILE names it */
  constructor(files: Files, bundle: string | undefined) {
    this.#files = files;
    this.#bundle = bundle;
  }

  /** @throws {EngineError} `registry-hosts.unreadable`, `registry-hosts.unusableFile` */
  async material(settings: TlsSettings): Promise<TlsMaterial> {
    const { authorityPaths, clientPaths, isVerified } = settings;
    if (authorityPaths.length === 0 && clientPaths.length === 0) {
      this.#ordinary ??= this.#trusted().then((ca) => createSecureContext({ ca: [...ca] }));
      const elsewhere = await this.#ordinary;
      return { own: [{ context: elsewhere, certificate: undefined }], elsewhere, isVerified };
    }
    const given = await Promise.all(authorityPaths.map((path) => this.#authorities(path, settings)));
    const ca = [...(await this.#trusted()), ...given];
    const elsewhere = createSecureContext({ ca });
    const own = clientPaths.map(async (pair) => {
      const context = contextOf({ ca, ...(await this.#client(pair, settings)) }, pair.certificate, settings);
      return { context, certificate: pair.certificate };
    });
    const isBare = own.length === 0;
    return {
      own: isBare ? [{ context: elsewhere, certificate: undefined }] : await Promise.all(own),
      elsewhere,
      isVerified,
    };
  }

  async #authorities(path: string, settings: TlsSettings): Promise<string> {
    const text = await this.#named(path, 'ca', settings);
    const fault = faultOfAuthorities(text);
    if (fault === undefined) return text;
    throw hostSettingsErrors.unusableFile({ place: settings.place, field: 'ca', file: path, ...fault });
  }

  async #client(
    { certificate, key }: TlsSettings['clientPaths'][number],
    settings: TlsSettings,
  ): Promise<{ readonly cert: string; readonly key: string }> {
    const [cert, keyText] = [
      await this.#named(certificate, 'client', settings),
      await this.#named(key, 'client', settings),
    ];
    const fault = faultOfClient(cert, keyText);
    if (fault === undefined) return { cert, key: keyText };
    const file = fault.of === 'key' ? key : certificate;
    const reason = fault.of === 'key' && key !== certificate ? `${fault.reason} (${certificate})` : fault.reason;
    throw hostSettingsErrors.unusableFile({ place: settings.place, field: 'client', file, ...fault, reason });
  }

  /** A file that a field names. */
  async #named(path: string, field: 'ca' | 'client', { place }: TlsSettings): Promise<string> {
    try {
      return await this.#files.readText(path);
    } catch (error) {
      const code = systemErrorCode(error);
      if (code === undefined) throw error;
      const fault = { reason: `cannot be read: ${code}`, remedy: 'put it there, or name another file' };
      throw hostSettingsErrors.unusableFile({ place, field, file: path, ...fault }, error);
    }
  }

  #trusted(): Promise<readonly string[]> {
    this.#known ??= this.#readSystem().then((system) => [...getCACertificates('default'), ...system]);
    return this.#known;
  }

  async #readSystem(): Promise<readonly string[]> {
    if (this.#bundle !== undefined) return [await this.#read(this.#bundle)];
    for (const path of SYSTEM_BUNDLES) {
      if (await this.#files.exists(path)) return [await this.#read(path)];
    }
    return [];
  }

  async #read(path: string): Promise<string> {
    try {
      return await this.#files.readText(path);
    } catch (error) {
      const reason = systemErrorCode(error);
      if (reason === undefined) throw error;
      throw hostSettingsErrors.unreadable({ path, reason }, error);
    }
  }
}

/** What OpenSSL refuses beside what was looked at, such as a key that is too short. */
function contextOf(
  options: { readonly ca: string[]; readonly cert: string; readonly key: string },
  file: string,
  { place }: TlsSettings,
): SecureContext {
  try {
    return createSecureContext(options);
  } catch (error) {
    const fault = { reason: `cannot be used: ${(error as Error).message}`, remedy: 'name another certificate' };
    throw hostSettingsErrors.unusableFile({ place, field: 'client', file, ...fault }, error);
  }
}
