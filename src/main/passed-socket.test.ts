import { expect, test } from 'vitest';
import { checkPassedSocket, passedDescriptor } from './passed-socket.ts';

const PATH = '/run/isopod/agent.sock';
const TABLE = `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 41 ${PATH}
0000000000000000: 00000002 00000000 00010000 0001 01   412 /run/with space/agent.sock
0000000000000000: 00000003 00000000 00000000 0001 03 43
`;

function filesWith(link: string) {
  return { readLink: async () => link, readText: async () => TABLE };
}

test('a socket that is passed to this process is taken', () => {
  expect(passedDescriptor({ LISTEN_PID: '7', LISTEN_FDS: '1', LISTEN_FDNAMES: 'isopod.socket' }, 7)).toBe(3);
});

test.each([
  ['nothing was said', {}],
  ['it was said to another process', { LISTEN_PID: '8', LISTEN_FDS: '1' }],
  ['no socket was passed', { LISTEN_PID: '7', LISTEN_FDS: '0' }],
])('the agent makes a socket of its own where %s', (_, env) => {
  expect(passedDescriptor(env, 7)).toBeUndefined();
});

test('more sockets than an agent has are refused', () => {
  const env = { LISTEN_PID: '7', LISTEN_FDS: '2', LISTEN_FDNAMES: 'a:b' };
  expect(() => passedDescriptor(env, 7)).toThrow(expect.objectContaining({ code: 'main.passedSockets' }));
});

test('a passed socket at the path of the agent is accepted', async () => {
  await checkPassedSocket(filesWith('socket:[41]'), 3, PATH);
  await checkPassedSocket(filesWith('socket:[412]'), 3, '/run/with space/agent.sock');
});

test.each(['socket:[412]', 'socket:[43]', 'socket:[9]', '/dev/null'])('a passed %s is refused', async (link) => {
  const checked = checkPassedSocket(filesWith(link), 3, PATH);
  await expect(checked).rejects.toMatchObject({ code: 'main.otherSocket' });
});
