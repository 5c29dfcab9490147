import { asArray, asObject, asString, type JsonObject, type Refuse } from '../json-fields.ts';

/** Fields of an app that the config of an image has a place for (appc spec 0.8, "Image Manifest Schema"). */
const TAKEN: ReadonlySet<string> = new Set([
  ...['exec', 'user', 'group', 'workingDirectory', 'environment', 'mountPoints', 'ports'],
]);

/**
 * What an app asks for that an image's config has no place for, each in a word or two. Pure.
 *
 * @param refuse told what is malformed; throws
 */
export function leftOutOf(app: JsonObject, refuse: Refuse): readonly string[] {
  const others = Object.entries(app).filter(([field, value]) => !TAKEN.has(field) && !isEmpty(value));
  return [
    ...others.flatMap(([field, value]) => [`${field}${partsOf(field, value, refuse)}`]),
    ...flagged(app, { field: 'mountPoints', flag: 'readOnly', refuse }),
    ...flagged(app, { field: 'ports', flag: 'socketActivated', refuse }),
  ];
}

/** The names of what a list holds: `isolators` by itself would not say which bounds are missing. */
function partsOf(field: string, value: unknown, refuse: Refuse): string {
  if (field === 'supplementaryGIDs') return ` ${asArray(value, field, refuse).map(String).join(', ')}`;
  if (field !== 'isolators' && field !== 'eventHandlers') return '';
  const names = asArray(value, field, refuse).map((item, index) => {
    const where = `${field}[${index}]`;
    return asString(asObject(item, where, refuse).name, `${where}.name`, refuse);
  });
  return ` ${names.join(', ')}`;
}

function flagged(
  app: JsonObject,
  { field, flag, refuse }: { readonly field: string; readonly flag: string; readonly refuse: Refuse },
): readonly string[] {
  const names = asArray(app[field] ?? [], field, refuse).flatMap((item, index) => {
    const object = asObject(item, `${field}[${index}]`, refuse);
    return object[flag] === true ? [asString(object.name, `${field}[${index}].name`, refuse)] : [];
  });
  return names.length === 0 ? [] : [`${flag} of ${field} ${names.join(', ')}`];
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
