import { expect, test } from 'vitest';
import { parseImageReference, type RegistryReference } from '../../model/image-reference.ts';
import { type IdentityRule, identityMismatch } from './identity.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const exact: IdentityRule = {
  kind: 'exact-reference',
  reference: parseImageReference('h.example/app:stable') as RegistryReference,
};
const remap: IdentityRule = { kind: 'remap', prefix: 'mirror.example/up', signedPrefix: 'h.example' };

/** rule, what was asked for, what the signature names, whether they agree */
const CASES: readonly (readonly [IdentityRule, string, string | undefined, boolean])[] = [
  [{ kind: 'match-exact' }, 'h.example/app:1', 'h.example/app:1', true],
  [{ kind: 'match-exact' }, 'h.example/app:1', 'h.example/app:2', false],
  [{ kind: 'match-exact' }, 'h.example/app:1', 'h.example/app', false],
  [{ kind: 'match-exact' }, 'app', 'docker.io/library/app:latest', true],
  [{ kind: 'match-exact' }, `h.example/app@${DIGEST}`, 'h.example/app:1', false],
  [{ kind: 'match-exact' }, `h.example/app@${DIGEST}`, `h.example/app@${DIGEST}`, true],
  [{ kind: 'match-repo-digest-or-exact' }, 'h.example/app:1', 'h.example/app:1', true],
  [{ kind: 'match-repo-digest-or-exact' }, 'h.example/app:1', 'h.example/app:2', false],
  [{ kind: 'match-repo-digest-or-exact' }, `h.example/app@${DIGEST}`, 'h.example/app:2', true],
  [{ kind: 'match-repo-digest-or-exact' }, `h.example/app@${DIGEST}`, 'h.example/other:2', false],
  [{ kind: 'match-repository' }, 'h.example/app:1', 'h.example/app', true],
  [{ kind: 'match-repository' }, 'h.example/app:1', 'h.example/app:9', true],
  [{ kind: 'match-repository' }, 'h.example/app:1', 'h.example/apps', false],
  [{ kind: 'match-repository' }, 'oci:/srv/app', 'h.example/app', false],
  [exact, 'oci:/srv/app', 'h.example/app:stable', true],
  [exact, 'h.example/app:stable', 'h.example/app:1', false],
  [{ kind: 'exact-repository', name: 'h.example/app' }, 'oci:/srv/app', 'h.example/app:7', true],
  [{ kind: 'exact-repository', name: 'h.example/app' }, 'oci:/srv/app', 'h.example/app/sub:7', false],
  [remap, 'mirror.example/up/app:1', 'h.example/app:1', true],
  [remap, 'mirror.example/up/app:1', 'mirror.example/up/app:1', false],
  [remap, 'mirror.example/upper/app:1', 'h.example/per/app:1', false],
  [remap, 'other.example/app:1', 'other.example/app:1', true],
  [{ kind: 'digest-only' }, 'h.example/app:1', undefined, true],
  [{ kind: 'match-repository' }, 'h.example/app:1', undefined, false],
  [{ kind: 'match-repository' }, 'h.example/app:1', '../../etc', false],
];

test.each(CASES)('%o: asked for %s, signed for %s: %s', (rule, asked, signed, agrees) => {
  expect(identityMismatch(rule, parseImageReference(asked), signed) === undefined).toBe(agrees);
});
