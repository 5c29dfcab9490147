/** Something that a person should see in the agent's log. */
export interface EngineProblem {
  readonly what: string;
  readonly uid?: string;
  readonly error?: unknown;
}

/** The part of a logger that the engine uses for what is only looked at when something is to be found out. */
export interface EngineLog {
  debug(fields: object, message: string): void;
  trace(fields: object, message: string): void;
}
