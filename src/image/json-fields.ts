/**
 * Reading JSON that somebody else wrote: each function returns the value if it has the expected shape and calls `refuse`
 * otherwise, so that the error names the document and the field.
 */
export type Refuse = (reason: string) => never;

export type JsonObject = Readonly<Record<string, unknown>>;

export function parseJsonObject(bytes: Uint8Array, refuse: Refuse): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch {
    refuse('it is not JSON');
  }
  return asObject(value, 'it', refuse);
}

export function asObject(value: unknown, what: string, refuse: Refuse): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(`${what} is not an object`);
  return value as JsonObject;
}

export function asArray(value: unknown, what: string, refuse: Refuse): readonly unknown[] {
  if (!Array.isArray(value)) refuse(`${what} is not a list`);
  return value as readonly unknown[];
}

export function asString(value: unknown, what: string, refuse: Refuse): string {
  if (typeof value !== 'string') refuse(`${what} is not a string`);
  return value as string;
}

/** A field that may be absent or null, as Go writes empty ones. */
export function optionalString(object: JsonObject, field: string, refuse: Refuse): string | undefined {
  const value = object[field];
  return value === undefined || value === null ? undefined : asString(value, field, refuse);
}

export function optionalStrings(object: JsonObject, field: string, refuse: Refuse): readonly string[] {
  const value = object[field];
  if (value === undefined || value === null) return [];
  return asArray(value, field, refuse).map((item, index) => asString(item, `${field}[${index}]`, refuse));
}

export function optionalStringMap(object: JsonObject, field: string, refuse: Refuse): Readonly<Record<string, string>> {
  const value = object[field];
  if (value === undefined || value === null) return {};
  const entries = Object.entries(asObject(value, field, refuse));
  return Object.fromEntries(entries.map(([key, item]) => [key, asString(item, `${field}.${key}`, refuse)]));
}
