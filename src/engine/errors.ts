import { defineErrors } from '../model/error.ts';

/** What goes wrong above the launcher and the isolators. */
export const engineErrors = defineErrors('engine', {
  unknownContainer: {
    kind: 'not-found',
    message: (d: { id: string }) => `no container ${JSON.stringify(d.id)}`,
    remedy: () => '`isopod ps -a` lists all containers',
  },
  ambiguousId: {
    kind: 'invalid-argument',
    message: (d: { id: string; matches: readonly string[] }) =>
      `${JSON.stringify(d.id)} begins the uid of ${d.matches.length} containers: ${d.matches.slice(0, 4).join(', ')}`,
    remedy: () => 'give more digits, or the name',
  },
  nameTaken: {
    kind: 'already-exists',
    message: (d: { name: string; uid: string; state: string }) =>
      `name ${JSON.stringify(d.name)} belongs to container ${d.uid}, which is ${d.state}`,
    remedy: (d: { name: string }) => `choose another name, or remove that one: isopod rm ${d.name}`,
  },
  parentNotRunning: {
    kind: 'failed-precondition',
    message: (d: { parent: string; state: string }) =>
      `container ${d.parent} is ${d.state}, and only one that runs takes containers into it`,
    remedy: (d: { parent: string; state: string }) =>
      d.state === 'paused' ? `isopod unpause ${d.parent}` : 'start it again first',
  },
  parentLauncher: {
    kind: 'failed-precondition',
    message: (d: { parent: string; launcher: string }) =>
      `container ${d.parent} was to hold another one, and launcher ${d.launcher} has no namespaces for that`,
    remedy: () => 'run the agent as root, with --launcher linux',
  },
  parentMayTrace: {
    kind: 'permission-denied',
    message: (d: { parent: string; tracer: string; capability: string }) =>
      `container ${d.parent} takes nobody in: ${d.tracer}, which sees its processes, has ${d.capability} and no user namespace, and could` +
      ' reach the host by what the engine does there',
    remedy: (d: { tracer: string; capability: string }) =>
      `run ${d.tracer} with --userns auto, or without ${d.capability}`,
  },
  debugsLandlock: {
    kind: 'failed-precondition',
    message: (d: { container: string }) =>
      `container ${d.container} is confined by Landlock, whose rules name paths of its own root, and a debug container has another one`,
    remedy: (d: { container: string }) => `run a command in it: isopod exec ${d.container}`,
  },
  outsideParent: {
    kind: 'invalid-argument',
    message: (d: { uid: string; kind: string; parent: string }) =>
      `container ${d.uid} would be outside the ${d.kind} namespace of its parent ${d.parent}: no chosen isolator puts it there`,
    remedy: (d: { kind: string }) => `add namespaces/${d.kind} to the isolators`,
  },
  pidNamespacesExhausted: {
    kind: 'resource-exhausted',
    message: (d: { path: string; depth: number; most: number }) =>
      `the kernel has no pid namespace for container ${d.path}, number ${d.depth} of containers in containers: it takes ${d.most} in one another, counted from the host's first`,
    remedy: () => 'put it into one that is less deep; where none is deep, raise user.max_pid_namespaces with sysctl(8)',
  },
  tooDeep: {
    kind: 'resource-exhausted',
    message: (d: { path: string; depth: number; most: number }) =>
      `container ${d.path} would be number ${d.depth} of containers in containers, and the kernel takes at most ${d.most}`,
    remedy: () => 'put it into one that is less deep',
  },
  parentPaused: {
    kind: 'failed-precondition',
    message: (d: { uid: string; parent: string; wanted: string }) =>
      `container ${d.uid} stands still with ${d.parent}, which it lives in and which is paused, so it cannot ${d.wanted}`,
    remedy: (d: { parent: string }) => `isopod unpause ${d.parent}`,
  },
  configDiffers: {
    kind: 'already-exists',
    message: (d: { name: string; uid: string; fields: readonly string[] }) =>
      `container ${d.uid} has the name ${JSON.stringify(d.name)} but another config: ${d.fields.join(', ')} differ`,
    remedy: () => 'destroy it first, or use another name',
  },
  nameMissing: {
    kind: 'invalid-argument',
    message: () => 'create needs a name: a repeated call finds its container by it',
    remedy: () => 'set a name, or use launch',
  },
  noFreeName: {
    kind: 'resource-exhausted',
    message: (d: { attempts: number }) => `no unused name found in ${d.attempts} attempts`,
    remedy: () => 'give the container a name',
  },
  noFreeIds: {
    kind: 'resource-exhausted',
    message: (d: { count: number; first: number; poolCount: number; holders: number }) =>
      `no ${d.count} ids in a row are free for a user namespace: ${d.holders} containers hold ids of the pool ${d.first}:${d.poolCount}`,
    remedy: () => 'remove containers, or give the agent a larger --userns-range',
  },
  joinedEnded: {
    kind: 'failed-precondition',
    message: (d: { container: string; state: string; kind: string }) =>
      `the ${d.kind} namespace of container ${d.container} cannot be shared: it is ${d.state}, and its ${d.kind} namespace` +
      `${d.kind === 'pid' ? ' has gone with it, for a pid namespace cannot outlive its init' : ' is held by nobody'}`,
    remedy: () => 'start it again first',
  },
  joinedPaused: {
    kind: 'failed-precondition',
    message: (d: { container: string; kind: string }) =>
      `the ${d.kind} namespace of container ${d.container} cannot be shared while it is paused`,
    remedy: (d: { container: string }) => `isopod unpause ${d.container}`,
  },
  joinedMayTrace: {
    kind: 'permission-denied',
    message: (d: { container: string; tracer: string; capability: string }) =>
      `the pid namespace of container ${d.container} cannot be shared: ${d.tracer}, which lives in it, has ${d.capability} and no user` +
      ' namespace, and could reach the host by what the engine does there',
    remedy: (d: { tracer: string; capability: string }) =>
      `run ${d.tracer} without ${d.capability} or with --userns auto, or start what joins before it`,
  },
  sessionMayBeTraced: {
    kind: 'permission-denied',
    message: (d: { container: string; tracer: string; capability: string; call: string; action: string }) =>
      `container ${d.container} takes no exec session: its filter of system calls answers ${d.call} with ${d.action}, so that the session` +
      ` has to be there before its rights are gone, and ${d.tracer}, which sees it, has ${d.capability} and no user namespace`,
    remedy: (d: { tracer: string; call: string; capability: string }) =>
      `allow ${d.call} in the profile, or run ${d.tracer} without ${d.capability} or with --userns auto`,
  },
  hostForbidden: {
    kind: 'permission-denied',
    message: (d: { kind: string; forbidden: readonly string[] }) =>
      `the container would share the ${d.kind} namespace of the host, and this agent lets none share ${d.forbidden.join(', ')}`,
    remedy: (d: { kind: string }) =>
      `use one of its own, or ask whoever runs the agent to leave ${d.kind} out of --disallow-host-namespaces`,
  },
  notRunning: {
    kind: 'failed-precondition',
    message: (d: { uid: string; state: string; wanted: string }) =>
      `container ${d.uid} is ${d.state}, but ${d.wanted} needs it running`,
    remedy: (d: { uid: string; state: string }) =>
      d.state === 'paused' ? `isopod unpause ${d.uid}` : '`isopod ps` lists those that run',
  },
  alreadyPaused: {
    kind: 'failed-precondition',
    message: (d: { uid: string }) => `container ${d.uid} is paused already`,
    remedy: (d: { uid: string }) => `isopod unpause ${d.uid} lets it go on`,
  },
  notPaused: {
    kind: 'failed-precondition',
    message: (d: { uid: string; state: string }) => `container ${d.uid} is ${d.state}, not paused`,
    remedy: () => '`isopod ps --filter state=paused` lists those that are',
  },
  stillRunning: {
    kind: 'failed-precondition',
    message: (d: { uid: string; state: string }) => `container ${d.uid} is ${d.state}, not terminated`,
    remedy: () => 'stop it first, or remove it with force',
  },
  restarting: {
    kind: 'failed-precondition',
    message: (d: { uid: string; policy: string }) =>
      `container ${d.uid} has ended and is about to be started again by its restart policy ${d.policy}`,
    remedy: () => 'stop it first, or remove it with force',
  },
  notStartable: {
    kind: 'failed-precondition',
    message: (d: { uid: string; why: string }) => `container ${d.uid} cannot be started again: ${d.why}`,
    remedy: () => 'run a new one',
  },
  launchedBefore: {
    kind: 'failed-precondition',
    message: (d: { uid: string }) =>
      `this request was carried out by an agent that has died meanwhile; what it started, ${d.uid}, has ended`,
    remedy: (d: { uid: string }) => `ask for the end of ${d.uid}, or send the request anew, with another key`,
  },
  notEnded: {
    kind: 'failed-precondition',
    message: (d: { uid: string; state: string }) => `container ${d.uid} is ${d.state}, so it cannot be started`,
    remedy: (d: { uid: string; state: string }) =>
      d.state === 'paused' ? `isopod unpause ${d.uid}` : 'wait for its end, and start it then',
  },
  copiedInto: {
    kind: 'failed-precondition',
    message: (d: { uid: string }) => `container ${d.uid} has ended, and a copy into its files is under way`,
    remedy: () =>
      'start it when the copy is done; `isopod debug operations` shows it, and `isopod debug cancel` ends it',
  },
  startCalledOff: {
    kind: 'cancelled',
    message: (d: { uid: string }) => `container ${d.uid} was stopped or removed before it was started`,
  },
  startOverdue: {
    kind: 'deadline-exceeded',
    message: (d: { uid: string; ms: number }) =>
      `container ${d.uid} was not started within ${d.ms} ms, and goes on being started`,
    remedy: () => '`isopod debug operations` tells what it waits for',
  },
  noCheck: {
    kind: 'failed-precondition',
    message: (d: { uid: string; condition: string }) =>
      `container ${d.uid} never becomes ${d.condition}: nothing is checked of its health`,
    remedy: () => 'run it with --health-cmd, --health-http or --health-tcp, or wait for running',
  },
  endedBefore: {
    kind: 'failed-precondition',
    message: (d: { uid: string; condition: string; end: string }) =>
      `container ${d.uid} has ended (${d.end}) before it became ${d.condition}, and nothing starts it again`,
  },
  noGroups: {
    kind: 'failed-precondition',
    message: (d: { uid: string; state: string }) => `container ${d.uid} is ${d.state}: it has no usage to report`,
  },
  unreadableFile: {
    kind: 'internal',
    message: (d: { path: string; errno: string }) => `${d.path} cannot be read: ${d.errno}`,
  },
  closed: {
    kind: 'unavailable',
    message: () => 'this engine was closed',
    remedy: () => 'try again: the next call starts another one',
  },
  diskFull: {
    kind: 'resource-exhausted',
    message: (d: { path: string; reason: string }) => `no room for ${d.path}: ${d.reason}`,
    remedy: () => 'free disk space: isopod rm takes containers away, isopod rmi images',
  },
  storage: {
    kind: 'internal',
    message: (d: { path: string; reason: string }) => `${d.path} cannot be written: ${d.reason}`,
    remedy: () => 'see that the root and the state directory are whole and can be written',
  },
  launchCancelled: {
    kind: 'cancelled',
    message: (d: { uid: string; by: string }) => `launch of container ${d.uid} was cancelled by ${d.by}`,
  },
  stoppedBeforeStart: {
    kind: 'cancelled',
    message: (d: { uid: string; by: string }) => `container ${d.uid} was stopped before it started, by ${d.by}`,
    remedy: () => 'launch it again if it is wanted after all',
  },
  killedBeforeExec: {
    kind: 'cancelled',
    message: (d: { uid: string }) => `the process of ${d.uid} was killed while it was prepared`,
    remedy: () => 'its container may have ended at that moment; else look at the memory left on the host',
  },
  launchOverdue: {
    kind: 'deadline-exceeded',
    message: (d: { uid: string; ms: number; state: string }) =>
      `container ${d.uid} did not start within ${d.ms} ms (it was ${d.state})`,
  },
  overdue: {
    kind: 'deadline-exceeded',
    message: (d: { what: string; ms: number }) => `${d.what} took longer than ${d.ms} ms`,
  },
  imageMissing: {
    kind: 'not-found',
    message: (d: { reference: string; why: string }) => `image ${JSON.stringify(d.reference)} is not here: ${d.why}`,
    remedy: (d: { reference: string }) => `isopod pull ${d.reference}`,
  },
  foreignImage: {
    kind: 'permission-denied',
    message: (d: { image: string; host: string }) =>
      `the image is for ${d.image}, and this machine, which is ${d.host}, cannot execute its command`,
    remedy: (d: { image: string; host: string }) =>
      `pull it with --platform ${d.host}, or install an emulator for ${d.image} (Debian: qemu-user-static)`,
  },
  unknownOperation: {
    kind: 'not-found',
    message: (d: { id: string }) => `no operation ${JSON.stringify(d.id)} is under way`,
    remedy: () => '`isopod debug operations` lists those that are',
  },
  notCancellable: {
    kind: 'failed-precondition',
    message: (d: { id: string; operation: string; reason: string }) =>
      `operation ${d.id} (${d.operation}) cannot be cancelled: ${d.reason}`,
  },
  operationCancelled: {
    kind: 'cancelled',
    message: (d: { id: string; operation: string }) => `operation ${d.id} (${d.operation}) was cancelled by request`,
  },
  unknownSession: {
    kind: 'not-found',
    message: (d: { id: string }) =>
      `no exec session ${JSON.stringify(d.id)}; of a running container the last 64 that ended are known`,
  },
  tooManySessions: {
    kind: 'resource-exhausted',
    message: (d: { uid: string; limit: number }) => `container ${d.uid} has ${d.limit} exec sessions already`,
  },
  badPosition: {
    kind: 'invalid-argument',
    message: (d: { position: string }) => `${JSON.stringify(d.position.slice(0, 64))} is no position of an event`,
    remedy: () => 'give the position of an event as it was told: eight hex digits, a dash and a number',
  },
  twoBeginnings: {
    kind: 'invalid-argument',
    message: () => 'events can begin after a position or at a time, not both',
    remedy: () => 'leave one of them out',
  },
});
