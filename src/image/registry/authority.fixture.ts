import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** An authority made for a test, and what it has signed. */
export class Authority {
  readonly certificate: string;
  readonly #directory: string;
  readonly #key: string;
  readonly #name: string;

  constructor(directory: string, name: string) {
    this.#directory = directory;
    this.#name = name;
    this.certificate = join(directory, `${name}.pem`);
    this.#key = join(directory, `${name}.key`);
    const subject = ['-subj', `/CN=${name}`];
    openssl(['req', '-x509', ...EC, '-days', '2', ...subject, '-keyout', this.#key, '-out', this.certificate]);
  }

  /** A certificate for `localhost` and for whoever has this common name, under a file name of its own. */
  sign(commonName: string, file = commonName): { readonly certificate: string; readonly key: string } {
    const [certificate, key] = [join(this.#directory, `${file}.pem`), join(this.#directory, `${file}.key`)];
    const [request, extensions] = [join(this.#directory, `${file}.csr`), join(this.#directory, `${file}.ext`)];
    writeFileSync(extensions, 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
    openssl(['req', ...EC, '-subj', `/CN=${commonName}`, '-keyout', key, '-out', request]);
    const signer = ['-CA', this.certificate, '-CAkey', this.#key, '-CAcreateserial'];
    openssl(['x509', '-req', '-in', request, ...signer, '-days', '2', '-extfile', extensions, '-out', certificate]);
    return { certificate, key };
  }

  get name(): string {
    return this.#name;
  }
}

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function openssl(words: readonly string[]): void {
  execFileSync('openssl', [...words], { stdio: 'pipe' });
}
