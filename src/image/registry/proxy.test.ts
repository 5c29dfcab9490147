import { expect, test } from 'vitest';
import { proxyFor, proxySettings } from './proxy.ts';

const SETTINGS = proxySettings({
  HTTP_PROXY: 'plain.example:3128',
  https_proxy: 'https://secure.example',
  HTTPS_PROXY: 'http://not-this.example',
  NO_PROXY: 'direct.example,.suffix.example, 10.0.0.0/8,192.168.1.5 port.example:5000',
});

test.each([
  ['http://a.example/', 'http://plain.example:3128'],
  ['https://a.example/', 'https://secure.example'],
  ['https://direct.example/', undefined],
  ['https://below.direct.example/', undefined],
  ['https://notdirect.example/', 'https://secure.example'],
  ['https://suffix.example/', undefined],
  ['https://x.suffix.example/', undefined],
  ['http://10.1.2.3:5000/', undefined],
  ['http://11.1.2.3:5000/', 'http://plain.example:3128'],
  ['http://192.168.1.5/', undefined],
  ['http://port.example:5000/', undefined],
  ['http://port.example/', 'http://plain.example:3128'],
  ['http://127.0.0.1:5000/', undefined],
  ['http://localhost:5000/', undefined],
  ['https://[::1]/', undefined],
])('%s is asked through %s', (url, proxy) => {
  expect(proxyFor(new URL(url), SETTINGS)).toBe(proxy);
});

test('a star asks everybody directly, and no variable means no proxy', () => {
  const url = new URL('https://a.example/');
  expect(proxyFor(url, proxySettings({ HTTPS_PROXY: 'http://p', NO_PROXY: '*' }))).toBeUndefined();
  expect(proxyFor(url, proxySettings({}))).toBeUndefined();
});

test.each([
  ['HTTP_PROXY', 'http://a.example/'],
  ['HTTPS_PROXY', 'https://a.example/'],
])('a proxy of another kind is refused by its scheme, with the variable %s and without its password', (name, url) => {
  const settings = proxySettings({ [name]: 'socks5://me:hidden@p.example:1080', NO_PROXY: 'direct.example' });
  const ask = (address: string) => proxyFor(new URL(address), settings);
  expect(() => ask(url)).toThrow(`${name} is socks5://`);
  expect(() => ask(url)).not.toThrow('hidden');
  expect(ask(url.replace('a.', 'direct.'))).toBeUndefined();
});
