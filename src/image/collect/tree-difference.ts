/** What the helper's `compare-trees` says of two trees, `content etc/passwd`, in words. */
export function differenceText(detail: string): string {
  const space = detail.indexOf(' ');
  const [what, path] = [detail.slice(0, space), detail.slice(space + 1)];
  if (what === 'missing') return `${path} is missing`;
  if (what === 'added') return `${path} was not in the layer`;
  return `the ${what} of ${path} ${what === 'names' || what === 'attributes' ? 'have' : 'has'} changed`;
}
