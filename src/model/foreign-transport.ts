/** Transports of skopeo and podman (containers-transports(5)) that are not served here. */
const FOREIGN = /^(containers-storage|ostree|sif|tarball|atomic):(.*)$/s;
const OF_DIGEST = /@sha256:[0-9a-f]{64}$/;
/** `sif:5000/app` is an image of a registry at a port. */
const AFTER_HOST = /^[0-9]{1,5}\//;
const OF_FILE = /\.(?:sif|tar|tgz|tar\.[a-z0-9]+)$/;

/**
 * The transport that a text names and that is not served, so that it is not looked for on Docker Hub under a name that
 * nobody meant. skopeo wants a transport everywhere; here a name may stand alone, and `ostree:1` is one with a tag. So a text
 * is refused only where it can be no name, or names a file; but for `containers-storage:`, which no image is called. Pure.
 *
 * @param isTag whether a text may be the tag of an image
 */
export function foreignTransport(text: string, isTag: (text: string) => boolean): string | undefined {
  const [, transport, rest = ''] = FOREIGN.exec(text) ?? [];
  if (transport === undefined || transport === 'containers-storage') return transport;
  const isName = AFTER_HOST.test(rest) || isTag(rest.replace(OF_DIGEST, ''));
  return isName && !OF_FILE.test(rest) ? undefined : transport;
}
