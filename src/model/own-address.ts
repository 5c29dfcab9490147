/**
 * Whether a host of a URL is this machine, or what only this machine reaches, by its very name: loopback, link-local (where
 * clouds answer with secrets) and unspecified addresses, and `localhost`.
 */
export function isOwnHost(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase();
  return name === 'localhost' || name.endsWith('.localhost') || isOwnAddress(name);
}

/** The same of an IPv4 or IPv6 address as the system writes it. */
export function isOwnAddress(address: string): boolean {
  if (!address.includes(':')) return /^(?:127|0)\.\d+\.\d+\.\d+$|^169\.254\.\d+\.\d+$/.test(address);
  const [bare = ''] = address.toLowerCase().split('%', 1);
  const mapped = /^::ffff:(.+)$/.exec(bare)?.[1];
  if (mapped !== undefined) return isOwnAddress(mapped.includes('.') ? mapped : dotted(mapped));
  return bare === '::' || bare === '::1' || /^fe[89ab][0-9a-f]:/.test(bare);
}

/** `7f00:1` → `127.0.0.1` */
function dotted(hextets: string): string {
  const [high = 0, low = 0] = hextets.split(':').map((part) => Number.parseInt(part, 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}
