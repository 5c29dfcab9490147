import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { IsopodHost } from '../support/isopod-host.ts';
import { expectRefused } from './support/refusals.ts';

/** What a container in a container shares with it, and what it has of its own. */
describe.skipIf(!existsSync('/bin/busybox'))('nested containers (busybox)', () => {
  let host: IsopodHost;
  let image: string;
  beforeAll(async () => {
    host = await IsopodHost.make();
    image = host.busyboxImage();
    await host.expect(['pull', image]);
  });
  afterAll(() => host.close());
  afterEach(() => host.removeAll());

  const sleeper = (name: string, ...options: readonly string[]) =>
    host.expect(['run', '-d', '--name', name, ...options, image, 'sleep', '1000']);
  const script = async (options: readonly string[], text: string): Promise<string> =>
    host.expect(['run', '--rm', ...options, image, 'sh', '-c', text]);
  const namespaces = async (path: string, ...kinds: readonly string[]): Promise<readonly string[]> => {
    const { pid } = await host.inspect(path);
    return kinds.map((kind) => readlinkSync(`/proc/${pid}/ns/${kind}`));
  };
  const groupsOf = async (path: string): Promise<ReadonlyMap<string, string>> => {
    const lines = readFileSync(`/proc/${(await host.inspect(path)).pid}/cgroup`, 'utf8')
      .trim()
      .split('\n');
    return new Map(lines.map((line) => [line.split(':')[1] ?? '', line.split(':').slice(2).join(':')]));
  };
  const agrees = async (path: string): Promise<void> => {
    const { stdout } = await host.run(['explain', '--actual', path]);
    expect(stdout).toContain('namespace pid');
    expect(stdout.match(/^DIFFERS.*$/gm)).toBeNull();
  };

  test('it shares network and host name of its parent, and sees only its own processes, files and groups', async () => {
    await sleeper('web');
    await sleeper('db', '--parent', 'web');
    const shared = ['net', 'uts', 'user', 'time'];
    const own = ['mnt', 'pid', 'ipc', 'cgroup'];
    expect(await namespaces('web/db', ...shared)).toEqual(await namespaces('web', ...shared));
    const [ofChild, ofParent] = [await namespaces('web/db', ...own), await namespaces('web', ...own)];
    expect(ofChild.filter((link, index) => link === ofParent[index])).toEqual([]);
    const sleeps = 'grep -l sleep /proc/[0-9]*/comm | wc -l; hostname';
    const { uid } = await host.inspect('web');
    expect(await host.expect(['exec', 'web/db', 'sh', '-c', sleeps])).toBe(`1\n${uid}`);
    expect(await host.expect(['exec', 'web', 'sh', '-c', sleeps])).toBe(`2\n${uid}`);
    await agrees('web/db');
  });

  test('processes and shared memory are shared on request', async () => {
    await sleeper('web');
    await host.expect(['exec', 'web', 'sh', '-c', 'echo shared >/dev/shm/text']);
    await sleeper('db', '--parent', 'web', '--pid', 'parent', '--ipc', 'parent');
    expect(await namespaces('web/db', 'pid', 'ipc')).toEqual(await namespaces('web', 'pid', 'ipc'));
    expect(await host.expect(['exec', 'web/db', 'sh', '-c', 'cat /dev/shm/text; cat /proc/1/comm'])).toBe(
      'shared\nsleep',
    );
    await agrees('web/db');
    expect(await script(['--parent', 'web', '--network', 'none', '--hostname', 'own'], 'hostname')).toBe('own');
  });

  test('it lives in the user namespace of its parent, at every depth, and its files are its own', async () => {
    await sleeper('web', '--userns', 'auto', '--time-offset', 'boottime=1000s');
    await sleeper('db', '--parent', 'web', '--ipc', 'parent');
    await sleeper('x', '--parent', 'web/db', '--pid', 'parent');
    const user = await namespaces('web', 'user');
    expect(user).not.toEqual([readlinkSync('/proc/self/ns/user')]);
    for (const path of ['web/db', 'web/db/x']) {
      expect(await namespaces(path, 'user')).toEqual(user);
      await agrees(path);
      expect(await host.expect(['exec', path, 'sh', '-c', 'id -u; touch /made && ls -ln /made'])).toMatch(
        /^0\n.* 0 +0 /,
      );
    }
    const offsets = (path: string) => host.expect(['exec', path, 'cat', '/proc/self/timens_offsets']);
    expect(await offsets('web/db')).toBe(await offsets('web'));
    await expectRefused(host, () => host.run(['run', '--parent', 'web', '--no-image', 'id']), {
      ...{ code: 125, says: ["the host's own files"] },
    });
  });

  test('it runs as the user of its parent unless somebody says otherwise, and inherits no variable', async () => {
    await sleeper('web', '--user', '65534:65534', '-e', 'SECRET=of-the-parent');
    const told = 'id -u; id -g; echo "$SECRET"';
    expect(await script(['--parent', 'web'], told)).toBe('65534\n65534');
    expect(await script(['--parent', 'web', '--user', '0', '-e', 'SECRET=own'], told)).toBe('0\n0\nown');
  });

  test('with the network of its parent it has the files by which that one finds names', async () => {
    await sleeper('web', '--network', 'host', '--hostname', 'front');
    const read = ['sh', '-c', 'cat /etc/hosts /etc/resolv.conf'];
    const ofParent = await host.expect(['exec', 'web', ...read]);
    expect(ofParent).toContain('front');
    expect(await host.expect(['run', '--rm', '--parent', 'web', image, ...read])).toBe(ofParent);
  });

  test('it has limits of its own within those of its parent, in groups below the groups of that', async () => {
    await sleeper('web', '--pids-limit', '12', '--memory', '64m');
    await sleeper('db', '--parent', 'web', '--pids-limit', '100', '--memory', '32m');
    const [web, db] = [await groupsOf('web'), await groupsOf('web/db')];
    const { uid } = await host.inspect('web/db');
    for (const name of ['memory', 'pids']) {
      const above = web.get(name) ?? web.get('') ?? '';
      expect(db.get(name) ?? db.get('')).toContain(`${above.replace(/\/self$/, '')}/nested/${uid}`);
    }
    // 100 are its own limit, and 12 that of all that lives in the parent.
    const many = 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do sleep 1000 & done; echo all';
    expect((await host.run(['exec', 'web/db', 'sh', '-c', many])).stderr).toContain("can't fork");
    await agrees('web/db');
  });

  test('on request it shares the groups of its parent, and has only one by which it is found', async () => {
    await sleeper('web', '--pids-limit', '50');
    await sleeper('db', '--parent', 'web', '--share-cgroups');
    const [web, db] = [await groupsOf('web'), await groupsOf('web/db')];
    for (const name of ['memory', 'pids', 'cpu', 'devices']) expect(db.get(name)).toBe(web.get(name));
    expect(db.get('') ?? db.get('freezer')).toContain('/nested/');
    await agrees('web/db');
    const options = ['--parent', 'web', '--share-cgroups', '--memory', '8m'];
    await expectRefused(host, () => host.run(['run', ...options, image, 'true']), {
      ...{ code: 125, says: ['a limit (memoryLimitBytes)', 'share the groups of its parent'] },
    });
  });

  test('siblings share a directory of the sandbox of their parent, as whoever they run', async () => {
    await sleeper('web');
    const shared = ['--parent', 'web', '--mount', 'type=sandbox,source=parent:box,target=/box'];
    await script([...shared, '--user', '65534'], 'echo hello >/box/a');
    expect(await script([...shared, '--user', '1000'], 'cat /box/a; echo b >/box/b; ls /box')).toBe('hello\na\nb');
    await expectRefused(
      host,
      () =>
        host.run(['run', '--parent', 'web', '--mount', 'type=sandbox,source=parent:box/none,target=/x', image, 'true']),
      { code: 125, says: ['is not in the volume'] },
    );
  });

  test('a link that the parent has put into its sandbox leads nowhere outside', async () => {
    await sleeper('web', '--mount', 'type=sandbox,source=box,target=/box');
    await host.expect(['exec', 'web', 'sh', '-c', 'readlink /proc/self/root; /bin/busybox ln -s /etc /box/out']);
    const options = ['--parent', 'web', '--mount', 'type=sandbox,source=parent:box/out,target=/x'];
    await script(['--parent', 'web'], 'true'); // the groups for what lives in it stay as long as it does
    await expectRefused(host, () => host.run(['run', ...options, image, 'ls', '/x']), {
      ...{ code: 125, says: ['is not in the volume'] },
    });
  });

  test('an exec session in it is confined exactly as it is', async () => {
    await sleeper('web');
    await sleeper('db', '--parent', 'web', '--user', '65534', '--cap-drop', 'all');
    const rights = (pid: string) =>
      host.expect(['exec', 'web/db', 'grep', '-E', '^(Cap|NoNewPrivs|Seccomp:|Uid|Gid)', `/proc/${pid}/status`]);
    expect(await rights('self')).toBe(await rights('1'));
    const kinds = ['mnt', 'pid', 'ipc', 'uts', 'net', 'cgroup', 'user'];
    const { pid } = await host.inspect('web/db');
    const links = `for n in ${kinds.join(' ')}; do readlink /proc/self/ns/$n; done`;
    const ofSession = (await host.expect(['exec', 'web/db', 'sh', '-c', links])).split('\n');
    expect(ofSession).toEqual(kinds.map((kind) => readlinkSync(`/proc/${pid}/ns/${kind}`)));
  });

  test('filter of calls, limits of the process and capabilities are its own, and it sees its own groups alone', async () => {
    await sleeper('web', '--pids-limit', '50');
    const own = ['--parent', 'web', '--ulimit', 'nofile=100:100', '--cap-drop', 'all', '--pids-limit', '20'];
    const told = 'ulimit -n; grep -E "^(CapEff|Seccomp:)" /proc/self/status; cat /proc/self/cgroup';
    const [files, ...rest] = (await script(own, told)).split('\n');
    expect([files, ...rest.slice(0, 2)]).toEqual(['100', 'CapEff:\t0000000000000000', 'Seccomp:\t2']);
    // The shared groups of other hierarchies are above its root; its own are the root.
    const paths = new Map(rest.slice(2).map((line) => [line.split(':')[1], line.split(':')[2]]));
    for (const name of ['pids', 'memory', '']) expect([undefined, '/']).toContain(paths.get(name));
    const limit = 'cat /sys/fs/cgroup/pids/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids.max';
    expect(await script(own, limit)).toBe('20');
    expect(await script(own, 'ls -d /sys/fs/cgroup/pids/nested /sys/fs/cgroup/nested 2>/dev/null; echo none')).toBe(
      'none',
    );
    expect(await host.expect(['exec', 'web', 'sh', '-c', limit])).toBe('50');
  });

  test('a parent that may trace others without a user namespace takes nobody in', async () => {
    await sleeper('web', '--cap-add', 'SYS_PTRACE');
    await expectRefused(host, () => host.run(['run', '--parent', 'web', image, 'true']), {
      ...{ code: 125, says: ['SYS_PTRACE', '--userns auto'] },
    });
    await host.removeAll();
    await sleeper('web', '--cap-add', 'SYS_PTRACE', '--userns', 'auto');
    await host.expect(['run', '--rm', '--parent', 'web', image, 'true']);
  });

  test('one name may be taken in every container once, and a path finds it', async () => {
    await sleeper('web');
    await sleeper('api');
    const uids = [await sleeper('db', '--parent', 'web'), await sleeper('db', '--parent', 'api')];
    expect([(await host.inspect('web/db')).uid, (await host.inspect('api/db')).uid]).toEqual(uids);
    expect((await host.inspect(uids[0]?.slice(0, 6) ?? '')).uid).toBe(uids[0]);
    expect(await host.inspect('web/db')).toMatchObject({
      ...{ path: 'web/db', depth: 2, parent: (await host.inspect('web')).uid, children: [] },
    });
    expect(await host.inspect('web')).toMatchObject({ depth: 1, parent: null, children: [uids[0]] });
    const names = (await host.expect(['ps'])).split('\n').map((line) => line.trim().split(/ +/).at(-1));
    expect(names).toEqual(['NAME', 'api', 'api/db', 'web', 'web/db']);
    await expectRefused(host, () => host.run(['run', '--name', 'db', '--parent', 'web', image, 'true']), {
      ...{ code: 125, says: ['name "db" belongs to container'] },
    });
    for (const [words, says] of [
      [['--parent', 'nobody'], 'no container "nobody"'],
      [['--pid', 'parent'], 'this container has no parent'],
      [['--parent', 'web', '--userns', 'auto'], 'lives in that of its parent'],
      [['--parent', 'web', '--pid', 'host'], 'lie within its parent'],
    ] as const) {
      await expectRefused(host, () => host.run(['run', ...words, image, 'true']), { code: 125, says: [says] });
    }
  });
});
