/** `linux`: namespaces and groups; `posix`: a session, and a subreaper that tracks what comes of it. */
export const LAUNCHER_KINDS = ['linux', 'posix'] as const;
export type LauncherKind = (typeof LAUNCHER_KINDS)[number];
