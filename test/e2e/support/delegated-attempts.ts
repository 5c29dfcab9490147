/** What a job tries that was given a token for itself. `{theirs}`, `{session}` and `{image}` are filled in. */
export type Attempt = readonly [
  what: string,
  request: string,
  body: object | undefined,
  status: number,
  /** Of the error; the operator API tells none. */
  code: string,
];

const CASE = { rootfs: { kind: 'image', reference: '{image}' }, pull: 'never', command: ['true'], parent: 'job' };
const at = { containerPath: '/x', readOnly: true };
const named = { container_id: { value: 'theirs' } };
const launch = (fields: object): object => ({ ...CASE, ...fields });
const operator = (type: string, fields: object): object => ({ type, [type.toLowerCase()]: fields });

const FOREIGN = 'access.foreignContainer';
const REACH = 'access.outOfReach';
const WHOLE = 'access.wholeAgent';

/** Others by their names, uids and beginnings of these: none of them is there. */
export const FOREIGN_ATTEMPTS: readonly Attempt[] = [
  ['inspect another container', 'GET /v1/containers/theirs', undefined, 404, FOREIGN],
  ['inspect what lives in another', 'GET /v1/containers/theirs%2Finner', undefined, 404, FOREIGN],
  ['inspect another by its uid', 'GET /v1/containers/{theirs}', undefined, 404, FOREIGN],
  ['leave its own path', 'GET /v1/containers/job%2F..%2Ftheirs', undefined, 404, FOREIGN],
  ['see what another really has', 'GET /v1/containers/theirs/actual', undefined, 404, FOREIGN],
  ['read logs of another', 'GET /v1/containers/theirs/logs', undefined, 404, FOREIGN],
  ['read the usage of another', 'GET /v1/containers/theirs/usage', undefined, 404, FOREIGN],
  ['read statistics of another', 'GET /v1/stats?ids=theirs', undefined, 404, FOREIGN],
  ['wait for another', 'GET /v1/containers/theirs/wait?timeoutMs=1', undefined, 404, FOREIGN],
  ['run a command in another', 'POST /v1/containers/theirs/exec', { command: ['true'] }, 404, FOREIGN],
  ['attach to another', 'POST /v1/containers/theirs/attach', undefined, 404, FOREIGN],
  ['kill another', 'POST /v1/containers/theirs/kill', { signal: 9 }, 404, FOREIGN],
  ['stop another', 'POST /v1/containers/theirs/stop', { graceMs: 0 }, 404, FOREIGN],
  ['pause another', 'POST /v1/containers/theirs/pause', undefined, 404, FOREIGN],
  ['change limits of another', 'POST /v1/containers/theirs/update', { resources: { pidsLimit: 1 } }, 404, FOREIGN],
  ['remove another', 'DELETE /v1/containers/theirs?force=true', undefined, 404, FOREIGN],
  ['signal a session of another', 'POST /v1/sessions/{session}/signal', { signal: 9 }, 404, 'access.foreignSession'],
  ['wait for a session of another', 'GET /v1/sessions/{session}/wait', undefined, 404, 'access.foreignSession'],
  ['look at a file of another', 'GET /v1/containers/theirs/path?path=/etc/hosts', undefined, 404, FOREIGN],
  ['copy files of another', 'GET /v1/containers/theirs/files?path=/etc', undefined, 404, FOREIGN],
  ['start another', 'POST /v1/containers/theirs/start', {}, 404, FOREIGN],
  ['restart another', 'POST /v1/containers/theirs/restart', { graceMs: 0 }, 404, FOREIGN],
  ['wait until another is ready', 'GET /v1/containers/theirs/wait-for?timeoutMs=1', undefined, 404, FOREIGN],
  ['look at a volume of another', 'GET /v1/volumes/their-data', undefined, 404, 'access.foreignVolume'],
  ['remove a volume of another', 'DELETE /v1/volumes/their-data', undefined, 404, 'access.foreignVolume'],
  ['launch in another', 'POST /v1/containers', launch({ parent: 'theirs' }), 404, FOREIGN],
  ['debug another', 'POST /v1/containers', launch({ parent: 'theirs', debug: true }), 404, FOREIGN],
  [
    'have the volumes of another',
    'POST /v1/containers',
    launch({ volumesFrom: [{ container: 'theirs', readOnly: true }] }),
    404,
    FOREIGN,
  ],
  ['join the network of another', 'POST /v1/containers', launch({ namespaces: { networkOf: 'theirs' } }), 404, FOREIGN],
  [
    'join the queues of another',
    'POST /v1/containers',
    launch({ namespaces: { ipc: { kind: 'container', container: 'theirs' } } }),
    404,
    FOREIGN,
  ],
  ['list files of another', 'POST /api/v1', operator('LIST_FILES', { path: 'theirs' }), 404, ''],
  ['read a file of another', 'POST /api/v1', operator('READ_FILE', { path: 'theirs/secret', offset: 0 }), 404, ''],
  ['kill another by the operator API', 'POST /api/v1', operator('KILL_CONTAINER', named), 404, ''],
  ['wait for another by the operator API', 'POST /api/v1', operator('WAIT_CONTAINER', named), 404, ''],
];

const volume = (fields: object): object => launch({ volumes: [{ ...at, ...fields }] });
const namespace = (kind: string): object => launch({ namespaces: { [kind]: { kind: 'host' } } });
const security = (fields: object): object => launch({ security: fields });

/** Launches beside itself, and with more than it was given. */
export const LAUNCH_ATTEMPTS: readonly Attempt[] = [
  ['launch at the top', 'POST /v1/containers', launch({ parent: undefined }), 403, 'access.notBelow'],
  ['run at the top', 'POST /v1/runs', launch({ parent: undefined }), 403, 'access.notBelow'],
  ['create at the top', 'PUT /v1/containers/own', launch({ parent: undefined }), 403, 'access.notBelow'],
  ['have a plan for the top', 'POST /v1/explain', launch({ parent: undefined }), 403, 'access.notBelow'],
  ['have a report for the top', 'POST /v1/security-report', launch({ parent: undefined }), 403, 'access.notBelow'],
  ['mount the host', 'POST /v1/containers', volume({ kind: 'host-path', hostPath: '/' }), 403, REACH],
  [
    'mount a volume of another',
    'POST /v1/containers',
    volume({ kind: 'named', name: 'their-data' }),
    403,
    'access.notBelow',
  ],
  ['make a volume', 'POST /v1/volumes', { name: 'own' }, 403, 'access.notBelow'],
  [
    'mount a directory of the host as a volume',
    'POST /v1/containers',
    volume({ kind: 'named', options: { type: 'none', o: 'bind', device: '/etc' } }),
    403,
    REACH,
  ],
  ['mount devices', 'POST /v1/containers', volume({ kind: 'tmpfs', dev: true }), 403, REACH],
  [
    'have a directory of the host as its root',
    'POST /v1/containers',
    launch({ rootfs: { kind: 'directory', path: '/' } }),
    403,
    REACH,
  ],
  ['have the files of the host', 'POST /v1/containers', launch({ rootfs: { kind: 'none' } }), 403, REACH],
  ['launch an image of a directory', 'POST /v1/containers', launch({ pull: 'missing' }), 403, REACH],
  [
    'mount an image of an archive',
    'POST /v1/containers',
    launch({
      pull: 'always',
      rootfs: { kind: 'image', reference: 'hello' },
      volumes: [{ kind: 'image', reference: 'oci-archive:/etc/shadow', ...at }],
    }),
    403,
    REACH,
  ],
  ['be privileged', 'POST /v1/containers', security({ privileged: true }), 403, REACH],
  ['add a capability', 'POST /v1/containers', security({ capabilities: { add: ['SYS_ADMIN'] } }), 403, REACH],
  [
    'keep a capability by its sets',
    'POST /v1/containers',
    security({ capabilities: { bounding: ['SYS_PTRACE'] } }),
    403,
    REACH,
  ],
  ['drop the filter of system calls', 'POST /v1/containers', security({ seccomp: { kind: 'unconfined' } }), 403, REACH],
  ['gain privileges', 'POST /v1/containers', security({ noNewPrivileges: false }), 403, REACH],
  ['see hidden paths', 'POST /v1/containers', security({ hiddenPaths: { unmask: 'all' } }), 403, REACH],
  [
    'have a device',
    'POST /v1/containers',
    launch({ devices: [{ hostPath: '/dev/kmsg', containerPath: '/dev/kmsg', access: 'r' }] }),
    403,
    REACH,
  ],
  ['open devices', 'POST /v1/containers', launch({ deviceRules: ['a *:* rwm'] }), 403, REACH],
  ['have the processes of the host', 'POST /v1/containers', namespace('pid'), 400, 'nesting.pidOutside'],
  [
    'have the processes of the host at the top',
    'POST /v1/containers',
    launch({ parent: undefined, namespaces: { pid: { kind: 'host' } } }),
    403,
    REACH,
  ],
  ['have the queues of the host', 'POST /v1/containers', namespace('ipc'), 403, REACH],
  ['have the name of the host', 'POST /v1/containers', namespace('uts'), 403, REACH],
  ['have the groups of the host', 'POST /v1/containers', namespace('cgroup'), 403, REACH],
  ['have the network of the host', 'POST /v1/containers', launch({ network: 'host' }), 403, REACH],
  [
    'run a hook on the host',
    'POST /v1/containers',
    launch({ hooks: { prestart: [{ path: '/bin/true' }] } }),
    403,
    REACH,
  ],
  ['leave isolators out', 'POST /v1/containers', launch({ isolation: [] }), 403, REACH],
  ['be spared by want of memory', 'POST /v1/containers', launch({ process: { oomScoreAdj: -500 } }), 403, REACH],
];

/** What is of the agent as a whole, and its own limits. */
export const AGENT_ATTEMPTS: readonly Attempt[] = [
  [
    'raise its own limits',
    'POST /v1/containers/job/update',
    { resources: { pidsLimit: 9999 } },
    403,
    'access.ownBounds',
  ],
  [
    'raise its own limits by its path',
    'POST /v1/containers/{job}/update',
    { resources: { memoryLimitBytes: 2 ** 40 } },
    403,
    'access.ownBounds',
  ],
  [
    'be started again for ever',
    'POST /v1/containers/job/update',
    { restart: { kind: 'always' } },
    403,
    'access.ownBounds',
  ],
  ['read the metrics', 'GET /metrics', undefined, 403, WHOLE],
  ['see all operations', 'GET /v1/debug/operations', undefined, 403, WHOLE],
  ['see damaged records', 'GET /v1/debug/damaged-records', undefined, 403, WHOLE],
  ['cancel an operation', 'POST /v1/debug/operations/op1/cancel', undefined, 403, WHOLE],
  ['read the logging level', 'GET /v1/debug/logging-level', undefined, 403, WHOLE],
  ['set the logging level', 'PUT /v1/debug/logging-level', { level: 'trace' }, 403, 'access.roleMissing'],
  ['make a token', 'POST /v1/tokens', { name: 'more', role: 'admin' }, 403, 'access.roleMissing'],
  ['list tokens', 'GET /v1/tokens', undefined, 403, 'access.roleMissing'],
  ['revoke a token', 'DELETE /v1/tokens/x', undefined, 403, 'access.roleMissing'],
  ['prune images', 'POST /v1/images/prune', { all: true }, 403, WHOLE],
  ['verify images', 'POST /v1/images/verify', { repair: true }, 403, WHOLE],
  ['the use of the disk', 'GET /v1/system/df', undefined, 403, WHOLE],
  ['remove an image', 'DELETE /v1/images/hello', undefined, 403, WHOLE],
  ['read the flags', 'POST /api/v1', operator('GET_FLAGS', {}), 403, ''],
  ['read the metrics by the operator API', 'POST /api/v1', operator('GET_METRICS', {}), 403, ''],
  ['prune images by the operator API', 'POST /api/v1', operator('PRUNE_IMAGES', {}), 403, ''],
  [
    'launch by the operator API',
    'POST /api/v1',
    operator('LAUNCH_CONTAINER', { ...{ container_id: { value: 'own' } }, command: { value: 'true' } }),
    403,
    '',
  ],
];
