import type { IncomingHttpHeaders } from 'node:http';
import type { TextAnswer } from './status.ts';

export const JSON_TYPE = 'application/json';
export const RECORD_IO = 'application/recordio';
const PROTOBUF = 'application/x-protobuf';

/** How a request comes and its answer goes. */
export interface Media {
  /** `stream`: records of one call each, of which the first names the container. */
  readonly request: 'call' | 'stream';
  /** Whether the client takes a plain answer. */
  readonly takesJson: boolean;
  /** Whether the client takes a stream with the type of its own; with JSON alone it gets the same records. */
  readonly takesRecords: boolean;
  /** Whether it says of which type the records of an answer are to be, which a plain answer does not have. */
  readonly saysOfRecords: boolean;
}

/**
 * What the headers say of both directions (mesos.md §3.1). Pure.
 *
 * @returns a refusal with 400, 406 or 415 for what the table forbids
 */
export function readMedia(headers: IncomingHttpHeaders): Media | TextAnswer {
  const contentType = bare(headers['content-type']);
  if (contentType === undefined)
    return refuse(400, 'expecting a Content-Type of application/json or application/recordio');
  const messageType = bare(single(headers['message-content-type']));
  const request = requestOf(contentType, messageType);
  if (typeof request !== 'string') return request;
  const accepted = acceptOf(headers.accept, single(headers['message-accept']));
  return 'status' in accepted ? accepted : { request, ...accepted };
}

function requestOf(contentType: string, messageType: string | undefined): Media['request'] | TextAnswer {
  if (contentType === RECORD_IO) {
    if (messageType === undefined) return refuse(400, `expecting a Message-Content-Type with ${RECORD_IO}`);
    if (messageType !== JSON_TYPE) return refuse(415, `Message-Content-Type ${messageType} is not ${JSON_TYPE}`);
    return 'stream';
  }
  if (contentType === PROTOBUF) return refuse(415, `${PROTOBUF} is not spoken here: send ${JSON_TYPE}`);
  if (contentType !== JSON_TYPE)
    return refuse(415, `Content-Type ${contentType} is neither ${JSON_TYPE} nor ${RECORD_IO}`);
  if (messageType !== undefined) return refuse(415, `Message-Content-Type is for ${RECORD_IO} alone`);
  return 'call';
}

function acceptOf(accept: string | undefined, messageAccept: string | undefined): Omit<Media, 'request'> | TextAnswer {
  const wanted = (accept ?? '*/*').split(',').map((one) => bare(one) ?? '');
  const takesJson = wanted.some((one) => ['*/*', 'application/*', JSON_TYPE].includes(one));
  const takesRecords = wanted.includes(RECORD_IO);
  if (!takesJson && !takesRecords) return refuse(406, `Accept ${accept} has neither ${JSON_TYPE} nor ${RECORD_IO}`);
  const inside = bare(messageAccept);
  if (inside !== undefined && !['*/*', 'application/*', JSON_TYPE].includes(inside)) {
    return refuse(406, `Message-Accept ${inside} is not ${JSON_TYPE}`);
  }
  if (inside !== undefined && !takesRecords) return refuse(406, `Message-Accept is for ${RECORD_IO} alone`);
  return { takesJson, takesRecords, saysOfRecords: inside !== undefined };
}

/** Without parameters such as a charset or a quality. */
function bare(value: string | undefined): string | undefined {
  const text = value?.split(';')[0]?.trim().toLowerCase();
  return text === '' ? undefined : text;
}

function single(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'object' ? value[0] : value;
}

function refuse(status: number, text: string): TextAnswer {
  return { status, text };
}
