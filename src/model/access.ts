import { defineErrors } from './error.ts';

/** Each may do all that the one before it may. */
export const ROLES = ['read', 'operate', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** What somebody's rights end at. Both parts together: what is in both. */
export interface Scope {
  /** Containers and volumes that have all of these labels. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Uid of a container: it, and whatever is below it. */
  readonly container?: string;
}

/** What somebody may do. */
export interface Grant {
  readonly role: Role;
  /** Missing: everything of this agent. */
  readonly scope?: Scope;
}

/** Whom a grant of the agent's command line is for. */
export type Grantee =
  /** A user or group of this host, by name or number. */
  | { readonly kind: 'user' | 'group'; readonly name: string }
  /** The common name of a client certificate; `*` for all of them. */
  | { readonly kind: 'certificate'; readonly name: string };

export interface GrantRule {
  readonly to: Grantee;
  readonly grant: Grant;
}

export const accessModelErrors = defineErrors('access', {
  malformedGrant: {
    kind: 'invalid-argument',
    message: (d: { text: string; reason: string }) => `grant ${JSON.stringify(d.text)}: ${d.reason}`,
    remedy: () => 'write it as user:NAME=operate, group:NAME=read,label=team=a or certificate:NAME=admin',
  },
  malformedScope: {
    kind: 'invalid-argument',
    message: (d: { text: string }) => `scope ${JSON.stringify(d.text)} is neither label=KEY=VALUE nor container=ID`,
  },
  scopeTwice: {
    kind: 'invalid-argument',
    message: (d: { part: string; first: string; second: string }) =>
      `the scope names ${d.part} as ${d.first}, and as ${d.second}`,
    remedy: () => 'name it once; a scope is what has all of its parts',
  },
  unknownRole: {
    kind: 'invalid-argument',
    message: (d: { role: string }) => `${JSON.stringify(d.role)} is no role`,
    remedy: () => `choose among ${ROLES.join(', ')}`,
  },
});

/** @throws {EngineError} `access.unknownRole` */
export function parseRole(text: string): Role {
  const role = ROLES.find((known) => known === text);
  if (role === undefined) throw accessModelErrors.unknownRole({ role: text });
  return role;
}

/** Whether somebody with the first role may do what needs the second. */
export function roleReaches(has: Role, needs: Role): boolean {
  return ROLES.indexOf(has) >= ROLES.indexOf(needs);
}

/**
 * Parts `label=KEY=VALUE` and `container=ID`.
 *
 * @returns `undefined` for none
 * @throws {EngineError} `access.malformedScope`, `access.scopeTwice`
 */
export function parseScope(parts: readonly string[]): Scope | undefined {
  const labels: Record<string, string> = {};
  let container: string | undefined;
  const once = (part: string, first: string | undefined, second: string): void => {
    if (first !== undefined && first !== second) throw accessModelErrors.scopeTwice({ part, first, second });
  };
  for (const text of parts) {
    const [, kind, rest = ''] = /^(label|container)=(.+)$/s.exec(text) ?? [];
    if (kind === undefined) throw accessModelErrors.malformedScope({ text });
    if (kind === 'container') {
      once('the container', container, rest);
      container = rest;
      continue;
    }
    const split = rest.indexOf('=');
    if (split < 1) throw accessModelErrors.malformedScope({ text });
    const [key, value] = [rest.slice(0, split), rest.slice(split + 1)];
    once(`label ${key}`, Object.hasOwn(labels, key) ? labels[key] : undefined, value);
    Object.defineProperty(labels, key, { value, enumerable: true, configurable: true, writable: true });
  }
  const hasLabels = Object.keys(labels).length > 0;
  if (!hasLabels && container === undefined) return undefined;
  return { ...(hasLabels && { labels }), ...(container !== undefined && { container }) };
}

/** `WHO=ROLE[,SCOPE…]`, WHO `user:`, `group:` or `certificate:` and a name. @throws {EngineError} `access.*` */
export function parseGrantRule(text: string): GrantRule {
  const [, kind, name, role = '', rest] = /^(user|group|certificate):([^=,]+)=([^,]*)(?:,(.*))?$/s.exec(text) ?? [];
  if (kind === undefined || name === undefined) {
    throw accessModelErrors.malformedGrant({ text, reason: 'it does not say to whom, or which role' });
  }
  const scope = parseScope(rest === undefined ? [] : rest.split(','));
  const grant = { role: parseRole(role), ...(scope !== undefined && { scope }) };
  return { to: { kind: kind as Grantee['kind'], name } as Grantee, grant };
}

/** A scope as people read it. */
export function scopeText(scope: Scope | undefined): string {
  if (scope === undefined) return 'everything';
  const labels = Object.entries(scope.labels ?? {}).map(([key, value]) => `label=${key}=${value}`);
  return [...labels, ...(scope.container === undefined ? [] : [`container=${scope.container}`])].join(',');
}
