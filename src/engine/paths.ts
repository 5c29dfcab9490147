import type { LogFormat } from '../model/container-config.ts';

/** The disk as DESIGN draws it: what survives a reboot under `rootDir`, what does not under `stateDir`. */
export interface EnginePaths {
  readonly rootDir: string;
  readonly stateDir: string;
  /** One directory per container, named by uid; synced where it must last. */
  readonly containers: string;
  /** One directory per container of this boot. */
  readonly runs: string;
  /** Sockets of monitors, named by the uid of a container or session. */
  readonly sockets: string;
  /** An empty directory that every container mounts its rootfs on, in a mount namespace of its own. */
  readonly mountPoint: string;
  /** Left by an engine that was closed, for the next one. */
  readonly eventsFile: string;
}

/** Where one container's things are. */
export interface ContainerPaths {
  readonly rootDir: string;
  readonly terminationFile: string;
  /** Of one with a restart policy. */
  readonly restartFile: string;
  readonly sandboxDir: string;
  readonly upperDir: string;
  readonly workDir: string;
  /** Its own copy of its image, where it has one. */
  readonly treeDir: string;
  readonly stateDir: string;
  readonly planFile: string;
  readonly processFile: string;
  /** There while an update is under way. */
  readonly updateFile: string;
  /** The same once more, for where that one is damaged. */
  readonly updateCopyFile: string;
  /** There while it is paused for who reads its files. */
  readonly stillFile: string;
  /**
   * Small files that isolators make in `prepare`. Not below the state directory: a container may write to what it is
   * shown, and must not fill the memory of a volatile file system.
   */
  readonly runtimeDir: string;
  readonly socketPath: string;
}

/** @returns every path that the engine itself uses below the two directories */
export function enginePaths(rootDir: string, stateDir: string): EnginePaths {
  return {
    rootDir,
    stateDir,
    containers: `${rootDir}/containers`,
    runs: `${stateDir}/c`,
    sockets: `${stateDir}/s`,
    mountPoint: `${stateDir}/rootfs`,
    eventsFile: `${stateDir}/events.json`,
  };
}

/** @param uid of a container; a session has only a socket */
export function containerPaths(paths: EnginePaths, uid: string): ContainerPaths {
  const rootDir = `${paths.containers}/${uid}`;
  const stateDir = `${paths.runs}/${uid}`;
  return {
    rootDir,
    terminationFile: `${rootDir}/termination.json`,
    restartFile: `${rootDir}/restart.json`,
    sandboxDir: `${rootDir}/sandbox`,
    upperDir: `${rootDir}/upper`,
    workDir: `${rootDir}/work`,
    treeDir: `${rootDir}/tree`,
    stateDir,
    planFile: `${stateDir}/plan.json`,
    processFile: `${stateDir}/process.json`,
    updateFile: `${stateDir}/update.json`,
    updateCopyFile: `${stateDir}/update-copy.json`,
    stillFile: `${stateDir}/still.json`,
    runtimeDir: `${rootDir}/files`,
    socketPath: `${paths.sockets}/${uid}`,
  };
}

/**
 * The record of a container that must outlive a reboot is under the root directory; one that is removed with its end
 * does not, so its record lives (and after a power cut is gone) with the volatile state.
 */
export function configFile(paths: ContainerPaths, autoRemove: boolean): string {
  return `${autoRemove ? paths.stateDir : paths.rootDir}/config.json`;
}

/** CRI logs have a directory of their own, raw ones are part of the sandbox directory. */
export function logDirectory(paths: ContainerPaths, format: LogFormat): string {
  return format === 'raw' ? paths.sandboxDir : `${paths.rootDir}/logs`;
}

/** How a container that is asked again and again was by its last change. */
export function checkFile(paths: ContainerPaths, kind: 'health' | 'readiness'): string {
  return `${paths.stateDir}/${kind}.json`;
}

/** File of one exec session's record, beside the container's own. */
export function sessionFile(paths: ContainerPaths, sessionId: string): string {
  return `${paths.stateDir}/session-${sessionId}.json`;
}
