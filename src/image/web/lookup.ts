import { type LookupAddress, lookup, promises } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { defineErrors } from '../../model/error.ts';
import { isOwnAddress } from '../../model/own-address.ts';

export const lookupErrors = defineErrors('web', {
  leadsHere: {
    kind: 'permission-denied',
    message: (d: { host: string; address: string }) =>
      `${d.host} stands for ${d.address}, which is of this machine alone, and is not asked`,
    remedy: () => 'name the address itself, if you may reach it',
  },
});

/**
 * Refuses a name that is known here to lead to this machine. One that only a proxy knows is the proxy's business.
 *
 * @throws {EngineError} `web.leadsHere` (permission-denied)
 */
export async function checkElsewhere(
  host: string,
  find: (name: string) => Promise<readonly Pick<LookupAddress, 'address'>[]> = (name) =>
    promises.lookup(name, { all: true }),
): Promise<void> {
  const addresses = await find(host.replace(/^\[|\]$/g, '')).catch(() => []);
  const own = addresses.find(({ address }) => isOwnAddress(address));
  if (own !== undefined) throw lookupErrors.leadsHere({ host, address: own.address });
}

/** Finds the addresses of a name, and refuses one that leads to this machine: whoever owns a name can let it stand for any. */
export const lookupElsewhere: LookupFunction = (host, options, done) => {
  lookup(host, { ...options, all: true }, (error, addresses: readonly LookupAddress[]) => {
    if (error !== null) return done(error, '', 0);
    const own = addresses.find(({ address }) => isOwnAddress(address));
    if (own !== undefined) return done(lookupErrors.leadsHere({ host, address: own.address }), '', 0);
    const [first] = addresses;
    if (options.all === true) return done(null, [...addresses]);
    return done(null, first?.address ?? '', first?.family ?? 0);
  });
};
