import { type Answer, type Call, defineRoute, json, type Route } from '../router.ts';
import { pruneImagesRoute } from './prune-route.ts';
import { diskUseAnswer } from './upkeep-answers.ts';
import { verifyImagesRoute } from './verify-route.ts';

/** Trees of millions of files take their time. */
const DEADLINE_MS = 10 * 60_000;

/** What keeps the disk from filling up. */
export function upkeepRoutes(): readonly Route[] {
  return [
    pruneImagesRoute(),
    verifyImagesRoute(),
    defineRoute({
      ...{ method: 'GET', path: '/v1/system/df', deadlineMs: DEADLINE_MS },
      needs: { role: 'read', of: 'agent' },
      summary: 'What images, containers and volumes take on disk, and how much of it would go with what nobody uses.',
      answer: { kind: 'json', schema: diskUseAnswer },
      handle: diskUse,
    }),
  ];
}

async function diskUse({ engine }: Call): Promise<Answer> {
  const report = await engine.upkeep.diskUse();
  const shares = report.images.images.map((share) => ({ ...share, lastUsedAtMs: share.lastUsedAtMs ?? null }));
  return json({ ...report, images: { ...report.images, images: shares } });
}
