import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { clientAlert } from './tls-alert.ts';

const PROBE_MS = 3_000;

/**
 * Whether somebody at an address begins a TLS handshake: by its end, or by an alert about a certificate of ours. Nothing is sent, so
 * nothing is verified.
 *
 * @param url its host and port are taken, whatever its scheme
 */
export function speaksTls(url: URL, signal: AbortSignal): Promise<boolean> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port === '' ? '80' : url.port);
  const name = isIP(host) === 0 ? { servername: host } : {};
  return new Promise((resolve) => {
    const socket = connect({ host, port, ...name, rejectUnauthorized: false });
    const end = (speaks: boolean): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', given);
      socket.destroy();
      resolve(speaks);
    };
    const given = (): void => end(false);
    const timer = setTimeout(given, PROBE_MS);
    signal.addEventListener('abort', given, { once: true });
    socket.on('secureConnect', () => end(true));
    socket.on('error', (error) => end(clientAlert(error) !== undefined));
    socket.on('close', given);
  });
}
