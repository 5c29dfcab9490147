import { defineErrors } from './error.ts';

/** The five sets of capabilities(7) by name. */
export const CAPABILITY_SETS = ['bounding', 'permitted', 'effective', 'inheritable', 'ambient'] as const;

/** `add` and `drop` start from what the agent grants; a set that is named is exactly that. Names without `CAP_`. */
export interface CapabilityConfig {
  /** May hold `ALL`: everything that the agent permits. */
  readonly add?: readonly string[];
  /** May hold `ALL`: nothing is left but what is added. */
  readonly drop?: readonly string[];
  /** Missing: what is granted. */
  readonly bounding?: readonly string[];
  /** Missing: the bounding set. */
  readonly permitted?: readonly string[];
  /** Missing: the permitted set. */
  readonly effective?: readonly string[];
  /** Missing: the ambient set. */
  readonly inheritable?: readonly string[];
  /** What a user other than root keeps over exec. Missing: none. */
  readonly ambient?: readonly string[];
}

export type CapabilityRequest = { readonly [Name in keyof CapabilityConfig]?: CapabilityConfig[Name] | undefined };

/** Stands for every capability. */
export const ALL_CAPABILITIES = 'ALL';

export const capabilityConfigErrors = defineErrors('capabilities', {
  malformed: {
    kind: 'invalid-argument',
    message: (d: { name: string; field: string }) =>
      `${JSON.stringify(d.name)} among the ${d.field} capabilities is no name of one`,
    remedy: () => 'write it as NET_ADMIN or CAP_NET_ADMIN; ALL may be added or dropped',
  },
  addedAndDropped: {
    kind: 'invalid-argument',
    message: (d: { name: string }) => `capability ${d.name} is both to be added and to be dropped`,
    remedy: () => 'say one of the two',
  },
  beside: {
    kind: 'invalid-argument',
    message: (d: { field: string }) =>
      `capabilities are to be ${d.field === 'add' ? 'added' : 'dropped'}, and the bounding set is given exactly`,
    remedy: () => 'add and drop, or name the set',
  },
  tooMany: {
    kind: 'invalid-argument',
    message: (d: { field: string; count: number; most: number }) =>
      `${d.count} ${d.field} capabilities, and at most ${d.most} are allowed`,
  },
});

/** Linux has numbers for 64. */
const MOST = 128;
const FIELDS = ['add', 'drop', ...CAPABILITY_SETS] as const;

/**
 * Names in upper case without `CAP_`, each once. Which of them the kernel has is the isolator's to say.
 *
 * @throws {EngineError} `capabilities.*` (invalid-argument)
 */
export function parseCapabilities(request: CapabilityRequest): CapabilityConfig {
  const config: CapabilityConfig = Object.fromEntries(
    FIELDS.flatMap((field) => {
      const names = request[field];
      return names === undefined ? [] : [[field, parseCapabilityNames(field, names)]];
    }),
  );
  const { add = [], drop = [], bounding } = config;
  const twice = add.find((name) => drop.includes(name));
  if (twice !== undefined) throw capabilityConfigErrors.addedAndDropped({ name: twice });
  if (bounding !== undefined && add.length > 0) throw capabilityConfigErrors.beside({ field: 'add' });
  if (bounding !== undefined && drop.length > 0) throw capabilityConfigErrors.beside({ field: 'drop' });
  return config;
}

/** @param field for errors: which list they are of */
export function parseCapabilityNames(field: string, names: readonly string[]): readonly string[] {
  if (names.length > MOST) throw capabilityConfigErrors.tooMany({ field, count: names.length, most: MOST });
  const isList = field === 'add' || field === 'drop';
  const parsed = names.map((text) => {
    const name = text.toUpperCase().replace(/^CAP_/, '');
    const isName = /^[A-Z][A-Z_]*$/.test(name) && (isList || name !== ALL_CAPABILITIES);
    if (!isName) throw capabilityConfigErrors.malformed({ name: text, field });
    return name;
  });
  return [...new Set(parsed)];
}
