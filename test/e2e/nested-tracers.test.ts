import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { IsopodHost } from '../support/isopod-host.ts';
import { expectRefused } from './support/refusals.ts';

/** Who sees the processes of whom, and what the engine keeps out of their reach for it (ADR 0092, 0114). */
describe.skipIf(!existsSync('/bin/busybox'))('those who may trace, around nested containers (busybox)', () => {
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
  const run = (...options: readonly string[]) => host.run(['run', '--rm', ...options, image, 'true']);
  const refused = (act: () => ReturnType<typeof run>, ...says: readonly string[]) =>
    expectRefused(host, act, { code: 125, says });
  const debugger_ = (...options: readonly string[]) => sleeper('debugger', '--cap-add', 'SYS_PTRACE', ...options);

  test('one in the namespace around keeps others from joining the nested one, and from being nested beside it', async () => {
    await sleeper('web');
    await sleeper('db', '--parent', 'web');
    expect((await run('--pid', 'container:web/db')).code).toBe(0);
    await debugger_('--pid', 'container:web');
    await refused(() => run('--pid', 'container:web/db'), 'debugger, which lives in it, has SYS_PTRACE');
    await refused(() => run('--parent', 'web'), 'debugger, which sees its processes, has SYS_PTRACE');
    await refused(() => run('--parent', 'web/db'), 'container web/db takes nobody in: debugger');
  });

  test('one in the nested namespace sees nobody around it, who are joined and nested as before', async () => {
    await sleeper('web');
    await sleeper('db', '--parent', 'web');
    await debugger_('--pid', 'container:web/db');
    await refused(() => run('--pid', 'container:web/db'), 'debugger, which lives in it, has SYS_PTRACE');
    expect((await run('--pid', 'container:web')).code).toBe(0);
    expect((await run('--parent', 'web')).code).toBe(0);
  });

  test('one in a user namespace keeps nobody away', async () => {
    await sleeper('web', '--cap-add', 'SYS_PTRACE', '--userns', 'auto');
    await sleeper('db', '--parent', 'web');
    expect((await run('--parent', 'web')).code).toBe(0);
    expect(await host.expect(['exec', 'web/db', 'echo', 'inside'])).toBe('inside');
  });

  test('a session is refused where its filter lets nobody fork and somebody may trace, and only there', async () => {
    const content = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['clone', 'clone3'], action: 'SCMP_ACT_ERRNO' }],
    };
    const profile = join(host.directory, 'strict.json');
    writeFileSync(profile, JSON.stringify(content));
    const strict = ['--security-opt', `seccomp=${profile}`];
    await sleeper('plain', ...strict);
    expect(await host.expect(['exec', 'plain', 'echo', 'inside'])).toBe('inside');
    await sleeper('tracing', ...strict, '--cap-add', 'SYS_PTRACE');
    const exec = () => host.run(['exec', 'tracing', 'echo', 'inside']);
    await refused(exec, 'tracing takes no exec session', 'answers clone with', 'allow clone in the profile');
    await sleeper('open', '--cap-add', 'SYS_PTRACE');
    expect(await host.expect(['exec', 'open', 'echo', 'inside'])).toBe('inside');
  });
});
