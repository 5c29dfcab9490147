/**
 * Whether labels have the one that is wanted.
 *
 * @param wanted `key`, or `key=value`; the value may hold further equals signs
 */
export function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const equals = wanted.indexOf('=');
  const key = equals < 0 ? wanted : wanted.slice(0, equals);
  return Object.hasOwn(labels, key) && (equals < 0 || labels[key] === wanted.slice(equals + 1));
}

/** Whether they have all of the first, and none of the others. Pure. */
export function hasLabels(
  labels: Readonly<Record<string, string>>,
  wanted: { readonly labels: readonly string[]; readonly withoutLabels?: readonly string[] | undefined },
): boolean {
  const { withoutLabels = [] } = wanted;
  return wanted.labels.every((one) => hasLabel(labels, one)) && !withoutLabels.some((one) => hasLabel(labels, one));
}
