import { expect, test } from 'vitest';
import { ByteChannel } from './byte-channel.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);

test('what is written is read, in order, and no faster than it is read', async () => {
  const channel = new ByteChannel();
  const written: string[] = [];
  const writing = (async () => {
    for (const text of ['one', 'two', 'three']) {
      await channel.write(bytes(text));
      written.push(text);
    }
    await channel.commit();
  })();
  const reader = channel.read();
  expect(Buffer.from((await reader.next()).value as Uint8Array).toString()).toBe('one');
  expect(written).toEqual([]);
  expect(Buffer.from((await reader.next()).value as Uint8Array).toString()).toBe('two');
  expect(Buffer.from((await reader.next()).value as Uint8Array).toString()).toBe('three');
  expect((await reader.next()).done).toBe(true);
  await writing;
});

test('who writes what cannot be gone on with tells the reader', async () => {
  const channel = new ByteChannel();
  const reading = (async () => {
    for await (const _ of channel.read());
  })();
  await channel.write(bytes('one'));
  await channel.abort(new Error('the source broke off'));
  await expect(reading).rejects.toThrow('the source broke off');
});

test('a reader that leaves holds nobody up', async () => {
  const channel = new ByteChannel();
  const writing = channel.write(bytes('one'));
  for await (const _ of channel.read()) break;
  await writing;
  await channel.write(bytes('two'));
  await channel.commit();
});
