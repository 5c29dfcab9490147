import { z } from 'zod';
import { trustAnswer } from './trust-answer.ts';

const text = z.string();
const texts = z.array(text);
const document = z.record(text, z.unknown());

/** An image as every route tells it. */
export const imageAnswer = z.object({
  id: text,
  manifestDigest: text,
  references: texts,
  manifestDigests: z.record(text, text).describe('the manifest that each of `references` stands for'),
  sizeBytes: z.number().int(),
  createdAt: text.nullable(),
  platform: text,
  layers: texts,
  config: z.looseObject({}),
});

export const imageDetailsAnswer = imageAnswer.extend({
  layerBytes: z.array(z.number().int()).describe('unpacked, for each of `layers`'),
  manifest: document.describe('in full'),
  document: document.describe('the config in full; `config` is what containers are run by'),
  trust: trustAnswer,
});
