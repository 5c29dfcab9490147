/** The closed set of error kinds. Each face owns one table from kind to its own status. */
export const ERROR_KINDS = [
  'invalid-argument',
  'not-found',
  'already-exists',
  'failed-precondition',
  'unauthenticated',
  'permission-denied',
  'resource-exhausted',
  'unavailable',
  'unimplemented',
  'cancelled',
  'deadline-exceeded',
  'data-loss',
  'internal',
] as const;

export type ErrorKind = (typeof ERROR_KINDS)[number];

export type ErrorDetails = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/**
 * The one error that the engine throws. Match on `kind` or `code`, never on the message.
 *
 * Messages: lower case, no final stop; they name the thing and the two values that disagree. `remedy` says what the
 * user can do about it.
 */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly kind: ErrorKind;
  /** `<domain>.<name>`, for example `image-reference.malformed`. */
  readonly code: string;
  readonly details: ErrorDetails;
  readonly remedy: string | undefined;

  constructor(fields: {
    readonly kind: ErrorKind;
    readonly code: string;
    readonly message: string;
    readonly details?: ErrorDetails;
    readonly remedy?: string | undefined;
    readonly cause?: unknown;
  }) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.kind = fields.kind;
    this.code = fields.code;
    this.details = fields.details ?? {};
    this.remedy = fields.remedy;
  }
}

interface ErrorSpec {
  readonly kind: ErrorKind;
  // biome-ignore lint/suspicious/noExplicitAny: each spec narrows its own details; `never` would refuse them all
  readonly message: (details: any) => string;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly remedy?: (details: any) => string;
}

type Factories<Specs extends Record<string, ErrorSpec>> = {
  readonly [Name in keyof Specs]: Parameters<Specs[Name]['message']> extends [infer Details]
    ? (details: Details, cause?: unknown) => EngineError
    : (details?: ErrorDetails, cause?: unknown) => EngineError;
};

/**
 * Declares the errors of one domain, beside the code that throws them.
 *
 * @returns one typed factory per error; its code is `<domain>.<name>`
 */
export function defineErrors<const Specs extends Record<string, ErrorSpec>>(
  domain: string,
  specs: Specs,
): Factories<Specs> {
  const factories: Record<string, (details?: ErrorDetails, cause?: unknown) => EngineError> = {};
  for (const [name, spec] of Object.entries(specs)) {
    factories[name] = (details = {}, cause) =>
      new EngineError({
        kind: spec.kind,
        code: `${domain}.${name}`,
        message: spec.message(details),
        details,
        remedy: spec.remedy?.(details),
        cause,
      });
  }
  return factories as Factories<Specs>;
}

/** Whether `error` is an {@link EngineError}, of this bundle or of another one, whose class is not ours. */
export function isEngineError(error: unknown): error is EngineError {
  return error instanceof Error && error.name === 'EngineError' && 'kind' in error && 'code' in error;
}

/** Whether `error` is an {@link EngineError} of one of these kinds. */
export function isErrorOfKind(error: unknown, ...kinds: readonly ErrorKind[]): error is EngineError {
  return error instanceof EngineError && kinds.includes(error.kind);
}

/** The `code` of a Node system error (`ENOENT`), if `error` is one. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
