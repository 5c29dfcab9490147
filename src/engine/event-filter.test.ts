import { expect, test } from 'vitest';
import { parseContainerUid } from '../model/container-id.ts';
import { parseDigest } from '../model/digest.ts';
import type { EventFilter, Happening } from './event.ts';
import { isWantedEvent } from './event-filter.ts';

const IMAGE_ID = parseDigest(`sha256:${'a'.repeat(64)}`);
const CONTAINER: Happening = {
  ...{ subject: 'container', kind: 'oom', atMs: 1, uid: parseContainerUid('0123456789ab'), name: 'web' },
  ...{ labels: { tier: 'front', empty: '' }, image: 'alpine:3' },
};
const IMAGE: Happening = { subject: 'image', kind: 'pulled', atMs: 1, image: 'alpine:3', imageId: IMAGE_ID };
const VOLUME: Happening = { subject: 'volume', kind: 'created', atMs: 1, volume: 'data' };

const rows: readonly (readonly [string, EventFilter, readonly Happening[]])[] = [
  ['nothing', {}, [CONTAINER, IMAGE, VOLUME]],
  ['a name', { containers: ['web'] }, [CONTAINER]],
  ['a prefix of the uid', { containers: ['other', '0123'] }, [CONTAINER]],
  ['another name', { containers: ['we'] }, []],
  ['a key', { labels: ['tier'] }, [CONTAINER]],
  ['a key and its value', { labels: ['tier=front', 'empty='] }, [CONTAINER]],
  ['one label that does not fit', { labels: ['tier=front', 'empty=1'] }, []],
  ['what every object has', { labels: ['constructor'] }, []],
  ['kinds', { kinds: ['oom', 'created'] }, [CONTAINER, VOLUME]],
  ['subjects', { subjects: ['image'] }, [IMAGE]],
  ['an image', { images: ['alpine:3'] }, [CONTAINER, IMAGE]],
  ['the id of an image', { images: [IMAGE_ID] }, [IMAGE]],
  ['a volume', { volumes: ['data'] }, [VOLUME]],
  ['fields that do not fit together', { subjects: ['volume'], kinds: ['oom'] }, []],
];

test.each(rows)('a filter by %s', (_, filter, wanted) => {
  expect([CONTAINER, IMAGE, VOLUME].filter((event) => isWantedEvent(event, filter))).toEqual(wanted);
});
