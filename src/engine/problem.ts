/** Something that a person should see in the agent's log. */
export interface EngineProblem {
  readonly what: string;
  readonly uid?: string;
  /** A record that cannot be read. */
  readonly damagedFile?: string;
  readonly error?: unknown;
}

/** What is told of a record that cannot be read. */
export function damageOf(
  { file, error }: { readonly file: string; readonly error: unknown },
  uid: string,
  becomes = '',
): EngineProblem {
  return { what: `damaged ${file}${becomes}`, uid, damagedFile: file, error };
}

/** The part of a logger that the engine uses for what is only looked at when something is to be found out. */
export interface EngineLog {
  debug(fields: object, message: string): void;
  trace(fields: object, message: string): void;
}
