import { expect, test } from 'vitest';
import { serviceSettings } from './service-settings.ts';

const SOCKET = '/run/systemd/notify';

test('half a minute of watchdog is read in milliseconds', () => {
  const env = { NOTIFY_SOCKET: SOCKET, WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7' };
  expect(serviceSettings(env, 7)).toEqual({ socket: SOCKET, watchdogMs: 30_000 });
});

test('an abstract socket is a way as well', () => {
  expect(serviceSettings({ NOTIFY_SOCKET: '@notify' }, 7)).toEqual({ socket: '@notify', watchdogMs: undefined });
});

test.each([{}, { NOTIFY_SOCKET: '' }, { NOTIFY_SOCKET: '/' }, { NOTIFY_SOCKET: 'vsock:2:1234' }])(
  'nothing is told with %o',
  (env) => {
    expect(serviceSettings({ ...env, WATCHDOG_USEC: '1000000' }, 7)).toBeUndefined();
  },
);

test.each([
  ['of another process', { WATCHDOG_USEC: '1000000', WATCHDOG_PID: '8' }],
  ['of no time', { WATCHDOG_USEC: '0' }],
  ['that is no number', { WATCHDOG_USEC: 'soon' }],
])('a watchdog %s is not ours', (_, env) => {
  expect(serviceSettings({ NOTIFY_SOCKET: SOCKET, ...env }, 7)?.watchdogMs).toBeUndefined();
});
