import { defineErrors } from '../../model/error.ts';

export const profileErrors = defineErrors('seccomp', {
  notJson: {
    kind: 'invalid-argument',
    message: (d: { profile: string; reason: string }) => `seccomp profile ${d.profile} is not JSON: ${d.reason}`,
    remedy: () => "write it in Docker's format: an object with defaultAction and syscalls",
  },
  unknownField: {
    kind: 'invalid-argument',
    message: (d: { profile: string; field: string; known: readonly string[] }) =>
      `seccomp profile ${d.profile}: field ${d.field} is not one of ${d.known.join(', ')}`,
  },
  badField: {
    kind: 'invalid-argument',
    message: (d: { profile: string; field: string; found: string; wanted: string }) =>
      `seccomp profile ${d.profile}: field ${d.field} is ${d.found}, and not ${d.wanted}`,
  },
  notifyMissing: {
    kind: 'unimplemented',
    message: (d: { profile: string; field: string }) =>
      `seccomp profile ${d.profile}: field ${d.field} wants calls to be decided by another process, which is not offered`,
    remedy: () => 'use SCMP_ACT_ERRNO, SCMP_ACT_TRACE or SCMP_ACT_ALLOW for these calls',
  },
  programTooLong: {
    kind: 'invalid-argument',
    message: (d: { profile: string; instructions: number; most: number }) =>
      `seccomp profile ${d.profile} compiles to ${d.instructions} instructions, and the kernel takes ${d.most}`,
    remedy: () => 'test fewer arguments, or leave architectures out',
  },
});

const SHOWN_CHARACTERS = 60;

/** One value of a profile with its place, for errors that name it. */
export class ProfileField {
  readonly profile: string;
  readonly place: string;
  readonly value: unknown;

  constructor(profile: string, place: string, value: unknown) {
    this.profile = profile;
    this.place = place;
    this.value = value;
  }

  /** The fields of an object, each with its place. @throws {EngineError} `seccomp.unknownField`, `seccomp.badField` */
  object<Name extends string>(known: readonly Name[]): { readonly [Key in Name]: ProfileField } {
    const { value } = this;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.bad('an object');
    const values = value as Readonly<Record<string, unknown>>;
    for (const name of Object.keys(values)) {
      if ((known as readonly string[]).includes(name)) continue;
      throw profileErrors.unknownField({ profile: this.profile, field: this.#below(name), known });
    }
    const fields = known.map((name) => [name, new ProfileField(this.profile, this.#below(name), values[name])]);
    return Object.fromEntries(fields) as { readonly [Key in Name]: ProfileField };
  }

  /** Go writes an empty list as null. @throws {EngineError} `seccomp.badField` */
  list(): readonly ProfileField[] {
    if (this.isAbsent) return [];
    if (!Array.isArray(this.value)) throw this.bad('a list');
    return this.value.map((item, index) => new ProfileField(this.profile, `${this.place}[${index}]`, item));
  }

  /** @throws {EngineError} `seccomp.badField` */
  text(): string {
    if (typeof this.value !== 'string') throw this.bad('text');
    return this.value;
  }

  texts(): readonly string[] {
    return this.list().map((item) => item.text());
  }

  /** A whole number. @throws {EngineError} `seccomp.badField` */
  number(most: bigint): bigint {
    const { value } = this;
    const whole = typeof value === 'bigint' ? value : Number.isSafeInteger(value) ? BigInt(value as number) : -1n;
    if (whole < 0n || whole > most) throw this.bad(`a whole number from 0 to ${most}`);
    return whole;
  }

  /** @throws {EngineError} `seccomp.badField` */
  oneOf<Value>(values: Readonly<Record<string, Value>>): Value {
    const name = this.text();
    if (!Object.hasOwn(values, name)) throw this.bad(`one of ${Object.keys(values).join(', ')}`);
    return values[name] as Value;
  }

  get isAbsent(): boolean {
    return this.value === undefined || this.value === null;
  }

  bad(wanted: string): Error {
    const { profile, place, value } = this;
    const field = place === '' ? '(all)' : place;
    const found = typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? 'missing');
    return profileErrors.badField({ profile, field, found: found.slice(0, SHOWN_CHARACTERS), wanted });
  }

  #below(name: string): string {
    return this.place === '' ? name : `${this.place}.${name}`;
  }
}
