import { existsSync, mkdirSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FAILURE_PHASE, LAUNCH_KIND, type MessageValues, STDIO, type Step, step } from '../../src/model/wire.ts';
import { TestHelper, until } from './support/helper-client.ts';
import { failure, logged, output, RAW_LOG } from './support/launches.ts';

const CLONE_NEWNS = 0x20000;
const CLONE_NEWPID = 0x20000000;
const MS_REC_PRIVATE = 0x44000;
const ENVIRONMENT = ['PATH=/usr/bin:/bin'];

let helper: TestHelper;

beforeEach(async () => {
  helper = new TestHelper();
  await helper.start();
});

afterEach(() => helper.stop());

describe('with a terminal', () => {
  const terminal = { stdio: STDIO.terminal, rows: 33, columns: 77, ...RAW_LOG };

  test.each([0, 1])('the command has it as controlling terminal, at the size asked for (reaper %i)', async (reaper) => {
    const text = 'tty; stty size; : < /dev/tty && echo controlling; ps -o tpgid= -o pgid= -p $$ | tr -s " "';
    const result = await output(helper, helper.launchValues(['sh', '-c', text], { ...terminal, reaper }));
    const lines = result.text.replaceAll('\r', '').trim().split('\n');
    expect(lines.slice(0, 3)).toEqual([expect.stringMatching(/^\/dev\/pts\/\d+$/), '33 77', 'controlling']);
    const [foreground, own] = (lines[3] ?? '').trim().split(' ');
    expect(foreground).toBe(own);
  });

  test('nothing but the terminal is open', async () => {
    const result = await output(helper, helper.launchValues(['sh', '-c', 'echo $(ls /proc/self/fd)'], terminal));
    expect(result.text).toBe('0 1 2 3\r\n');
  });
});

describe('in a container with a /dev of its own', () => {
  const terminal = { stdio: STDIO.terminal, ...RAW_LOG };
  const tmpfs = (slot: number) =>
    step('test', 'create-mount', { slot, type: 'tmpfs', source: 'tmpfs', options: ['mode=755'], attributes: 0 });
  const attach = (slot: number, target: string) =>
    step('test', 'attach-mount', { slot, target, create: 0, noSymlinks: 0 });

  /** The host's root file system without its mounts, and a /dev that is all ours; `devpts` false leaves /dev/pts a directory. */
  function steps(script: string, devpts = true): Step[] {
    const mountPoint = join(helper.directory, 'rootfs');
    if (!existsSync(mountPoint)) mkdirSync(mountPoint);
    const options = ['newinstance', 'ptmxmode=0666', 'mode=0620'];
    return [
      step('test', 'set-propagation', { flags: MS_REC_PRIVATE }),
      step('test', 'clone-tree', { slot: 0, path: '/', recursive: 0, expect: 1 }),
      tmpfs(1),
      step('test', 'make-directory-in', { slot: 1, path: 'pts', mode: 0o755 }),
      step('test', 'create-mount', { slot: 2, type: 'devpts', source: 'devpts', options, attributes: 0 }),
      step('test', 'create-mount', { slot: 3, type: 'proc', source: 'proc', options: [], attributes: 0 }),
      step('test', 'await-host', {}),
      step('test', 'attach-root', { slot: 0, mountPoint }),
      attach(1, '/dev'),
      ...(devpts ? [attach(2, '/dev/pts')] : []),
      attach(3, '/proc'),
      step('test', 'pivot-root', {}),
      step('test', 'resolve-user', { user: '65534', group: '65534' }),
      step('test', 'await-start', {}),
      step('test', 'exec', { arguments: ['sh', '-c', script], environment: ENVIRONMENT }),
    ];
  }

  function values(childSteps: Step[], changes: Partial<MessageValues<'launch'>> = {}) {
    return helper.launchValues([], { ...terminal, cloneFlags: CLONE_NEWNS | CLONE_NEWPID, childSteps, ...changes });
  }

  test('the terminal is the first of the own devpts, owned by the user, and the console', async () => {
    const script =
      'tty; stat -c "%u %a" /dev/pts/0; [ /dev/console -ef /dev/pts/0 ] && echo same; echo said >/dev/console';
    const { text } = await output(helper, values(steps(script)));
    expect(text).toBe('/dev/pts/0\r\n65534 620\r\nsame\r\nsaid\r\n');
  });

  test('a session gets the next one, and the console stays what it was', async () => {
    const target = await helper.run(values(steps('echo up; exec sleep 1000')));
    await until('it runs', () => logged(target.values) === 'up\r\n');
    const script = 'tty; [ /dev/console -ef /dev/pts/0 ] && echo same';
    const session = helper.launchValues(['sh', '-c', script], {
      ...terminal,
      kind: LAUNCH_KIND.session,
      trackingCgroup: target.values.trackingCgroup,
      stateDirectory: '',
      enterPid: target.pid,
      enterStartTime: target.startTime,
      enterNamespaces: CLONE_NEWNS | CLONE_NEWPID,
    });
    expect((await output(helper, session)).text).toBe('/dev/pts/1\r\nsame\r\n');
  });

  test('a /dev/pts that is no devpts is refused', async () => {
    const { ENODEV } = constants.errno;
    const result = await failure(helper, values(steps('true', false)));
    expect(result).toMatchObject({ phase: FAILURE_PHASE.child, errno: ENODEV, detail: '/dev/pts' });
  });
});
