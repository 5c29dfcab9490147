import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { systemErrorCode } from '../../model/error.ts';

/** What is wrong with a file of a certificate or a key, and what helps. */
export interface PemFault {
  /** After the name of the file: `holds no certificate`. */
  readonly reason: string;
  readonly remedy: string;
}

const CERTIFICATE = /-----BEGIN (X509 |TRUSTED |)CERTIFICATE-----[\s\S]*?-----END \1CERTIFICATE-----/g;
const KEY = /-----BEGIN ((?:[A-Z]+ )*)PRIVATE KEY-----[\s\S]*?-----END \1PRIVATE KEY-----/;

/** Why the text of a file is none of authorities; `undefined` when it is. Pure. */
export function faultOfAuthorities(text: string): PemFault | undefined {
  const blocks = text.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) {
    return {
      reason: 'holds no certificate',
      remedy: 'write the certificate of the authority into it, in PEM (-----BEGIN CERTIFICATE-----)',
    };
  }
  const broken = blocks.findIndex((block) => certificateOf(block) === undefined);
  if (broken < 0) return undefined;
  return { reason: `holds a broken certificate (${broken + 1} of ${blocks.length})`, remedy: 'write it anew, in PEM' };
}

/**
 * Why two texts are no certificate of ours with its key; `undefined` when they are. One text may be both. Pure.
 *
 * @returns the fault, and which of the files has it
 */
export function faultOfClient(
  certificate: string,
  key: string,
): (PemFault & { readonly of: 'certificate' | 'key' }) | undefined {
  const fault = faultOfAuthorities(certificate);
  if (fault !== undefined) return { ...fault, of: 'certificate' };
  const read = keyIn(key);
  if ('reason' in read) return { ...read, of: 'key' };
  // The first one is ours, and those behind it are its chain.
  const [own = ''] = certificate.match(CERTIFICATE) ?? [];
  if (certificateOf(own)?.checkPrivateKey(read.key) === true) return undefined;
  const remedy = 'name the key that was made with the certificate';
  return { reason: 'holds a key that is not that of the certificate', remedy, of: 'key' };
}

function keyIn(text: string): { readonly key: KeyObject } | PemFault {
  const block = KEY.exec(text)?.[0];
  if (block === undefined) {
    const remedy =
      'name the file with the key: client = [["CERTIFICATE", "KEY"]], or write both into one file (docs/images/registries.md)';
    return { reason: 'holds no private key', remedy };
  }
  try {
    return { key: createPrivateKey(block) };
  } catch (error) {
    return systemErrorCode(error) === 'ERR_MISSING_PASSPHRASE'
      ? { reason: 'holds a key that wants a passphrase', remedy: 'write it without one: nobody can be asked for it' }
      : { reason: 'holds a broken private key', remedy: 'write it anew, in PEM' };
  }
}

function certificateOf(block: string): X509Certificate | undefined {
  try {
    return new X509Certificate(block);
  } catch {
    return undefined;
  }
}
