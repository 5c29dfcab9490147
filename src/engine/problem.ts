/** Something that a person should see in the agent's log. */
export interface EngineProblem {
  readonly what: string;
  readonly uid?: string;
  readonly error?: unknown;
}
