import type { SecureContext } from 'node:tls';
import type { Files } from '../../base/effects.ts';
import { NO_TLS } from '../registry/host-settings.ts';
import { type ProxySettings, proxySettings } from '../registry/proxy.ts';
import { CertificateStore } from '../registry/tls.ts';

/** How this machine gets to the web: as it does to registries of which `hosts.toml` says nothing. */
export interface WebWay {
  readonly proxies: ProxySettings;
  /** Asked for at each HTTPS connection. */
  readonly authorities: () => Promise<SecureContext>;
}

/** @param env for HTTP_PROXY, HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE */
export function webWay(files: Files, env: Readonly<Record<string, string | undefined>>): WebWay {
  const certificates = new CertificateStore(files, env.SSL_CERT_FILE);
  return {
    proxies: proxySettings(env),
    authorities: async () => (await certificates.material(NO_TLS)).elsewhere,
  };
}
