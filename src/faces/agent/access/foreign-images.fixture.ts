/** A body for each route about images that takes one, for the test of what reaches nothing foreign. */
export const IMAGE_BODIES: Readonly<Record<string, unknown>> = {
  'POST /v1/images/prune': { all: true },
  'POST /v1/images/pull': { reference: 'hello' },
  'POST /v1/images/verify': {},
  'POST /v1/images/push': { image: 'hello', target: 'registry.example/hello' },
  'POST /v1/images/copy': { source: 'hello', target: 'registry.example/hello' },
  'POST /v1/images/save': { images: ['hello'] },
  'POST /v1/registries/login': {
    registry: 'registry.example',
    credential: { kind: 'password', username: 'me', password: 'secret' },
  },
  'POST /v1/registries/search': { registry: 'registry.example', term: 'x' },
  'POST /v1/images/:id/tag': { reference: 'mine' },
  'POST /v1/containers/:id/commit': {},
};
