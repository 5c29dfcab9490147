import { format } from 'node:util';

/**
 * The name of one row of `test.each`, as vitest makes it: printf words (%s, %d, %i, %f, %j, %o, %%), `%#` the index, and
 * `$key` the value of an object's key, also `$key.inner`.
 */
export function rowName(template: string, row: unknown, index: number): string {
  const values = Array.isArray(row) ? row : [row];
  const numbered = template.replaceAll('%#', String(index));
  const words = numbered.match(/%[sdifjoOc]/g)?.length ?? 0;
  const name = words === 0 ? numbered.replaceAll('%%', '%') : format(numbered, ...values.slice(0, words));
  const [first] = values;
  if (typeof first !== 'object' || first === null) return name;
  return name.replace(/\$([\w.]+)/g, (whole, path: string) => {
    const value = path.split('.').reduce<unknown>((inner, key) => (inner as Record<string, unknown>)?.[key], first);
    return value === undefined ? whole : typeof value === 'string' ? value : JSON.stringify(value);
  });
}
