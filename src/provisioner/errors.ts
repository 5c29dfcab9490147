import { defineErrors } from '../model/error.ts';

export const provisionerErrors = defineErrors('provisioner', {
  layerMissing: {
    kind: 'data-loss',
    message: (d: { image: string; layer: string; directory: string }) =>
      `image ${d.image} has lost layer ${d.layer}: there is no directory ${d.directory}`,
    remedy: () => 'pull the image again',
  },
  noLayers: {
    kind: 'failed-precondition',
    message: (d: { image: string }) => `image ${d.image} has no layers, so there is nothing to run in it`,
  },
  unfit: {
    kind: 'failed-precondition',
    message: (d: { backend: string; image: string; why: string; remedy: string; chosenBy: string }) =>
      `backend ${d.backend}, which ${d.chosenBy} asks for, cannot show image ${d.image}: ${d.why}`,
    remedy: (d: { remedy: string }) => d.remedy,
  },
  unusable: {
    kind: 'failed-precondition',
    message: (d: { backend: string; why: string; remedy: string; chosenBy: string }) =>
      `backend ${d.backend}, which ${d.chosenBy} asks for, cannot be used here: ${d.why}`,
    remedy: (d: { remedy: string }) => d.remedy,
  },
});
