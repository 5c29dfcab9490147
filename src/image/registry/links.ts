/** The next page of a list, of an answer's Link header (RFC 8288; distribution spec, "Content discovery"). */
export function nextPage(header: string | undefined, page: URL): URL | undefined {
  const match = /<([^>]{1,4096})>\s*;\s*rel="?next"?/.exec(header ?? '');
  const next = match?.[1] === undefined ? null : URL.parse(match[1], page.href);
  // A list that leads elsewhere is not gone on with: who we are was proven to this host alone.
  return next === null || next.origin !== page.origin ? undefined : next;
}
