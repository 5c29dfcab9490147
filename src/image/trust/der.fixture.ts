import { type KeyObject, sign } from 'node:crypto';

/** Just enough of DER to make certificates for tests. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
const octets = (content: Uint8Array): Buffer => der(0x04, content);
const bits = (content: Uint8Array): Buffer => der(0x03, Buffer.from([0]), content);
const utf8 = (text: string): Buffer => der(0x0c, Buffer.from(text));
const yes = der(0x01, Buffer.from([0xff]));

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const groups = [first * 40 + second, ...rest].flatMap((value) => {
    const digits = [value & 127];
    for (let left = value >> 7; left > 0; left >>= 7) digits.unshift((left & 127) | 128);
    return digits;
  });
  return der(0x06, Buffer.from(groups));
}

/** GeneralizedTime, to the second. */
function time(date: Date): Buffer {
  return der(0x18, Buffer.from(`${date.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`));
}

function name(commonName: string | undefined): Buffer {
  if (commonName === undefined) return sequence();
  return sequence(der(0x31, sequence(oid('2.5.4.3'), utf8(commonName))));
}

const ECDSA_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));

export const EXTENSIONS = {
  authority: [
    sequence(oid('2.5.29.19'), yes, octets(sequence(yes))),
    sequence(oid('2.5.29.15'), yes, octets(der(0x03, Buffer.from([1, 0x06])))),
  ],
  /** The subject and issuer of a signer, as Fulcio writes them. */
  signer: (subject: string, issuer: string) => [
    sequence(oid('2.5.29.15'), yes, octets(der(0x03, Buffer.from([7, 0x80])))),
    sequence(oid('2.5.29.37'), octets(sequence(oid('1.3.6.1.5.5.7.3.3')))),
    sequence(oid('2.5.29.17'), yes, octets(sequence(der(0x81, Buffer.from(subject))))),
    sequence(oid('1.3.6.1.4.1.57264.1.8'), octets(utf8(issuer))),
  ],
} as const;

/** A certificate in DER. */
export function certificate(fields: {
  readonly serial: number;
  readonly issuer: string;
  readonly subject: string | undefined;
  readonly from: Date;
  readonly to: Date;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Uint8Array[];
  readonly signer: KeyObject;
}): Buffer {
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([fields.serial])),
    ECDSA_SHA256,
    name(fields.issuer),
    sequence(time(fields.from), time(fields.to)),
    name(fields.subject),
    fields.publicKey.export({ format: 'der', type: 'spki' }),
    der(0xa3, sequence(...fields.extensions)),
  );
  return sequence(body, ECDSA_SHA256, bits(sign('sha256', body, fields.signer)));
}

export function pem(bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
