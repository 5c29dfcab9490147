const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** A size for people: the largest unit that leaves a whole number, or one decimal: `64 MiB`, `1.5 GiB`, `17 B`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = Number.isInteger(value) ? String(value) : value.toFixed(1);
  return `${digits} ${UNITS[unit]}`;
}
