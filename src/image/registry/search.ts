import { asArray, asObject, type JsonObject, parseJsonObject, type Refuse } from '../json-fields.ts';
import { registryErrors } from './errors.ts';
import { type HostClient, refusedBy } from './host-client.ts';
import { nextPage } from './links.ts';
import { chiefHost, type RegistrySession } from './session.ts';

export interface SearchRequest {
  readonly registry: string;
  readonly term: string;
  readonly limit: number;
  readonly signal: AbortSignal;
}

export interface FoundRepository {
  /** Without the registry. */
  readonly name: string;
  readonly description: string;
  /** `undefined` where the registry counts none. */
  readonly stars: number | undefined;
  readonly isOfficial: boolean;
}

const MAX_ANSWER_BYTES = 8 << 20;
const PAGE_ENTRIES = 1000;
const MAX_PAGES = 200;

/**
 * Looks for repositories: by the search of version 1 where a registry has it (Docker Hub, Quay), else by going through the catalogue
 * of all of them.
 *
 * @param sessions.index where version 1 is asked, if that is another host
 * @throws {EngineError} permission-denied, unavailable; `registry.badAnswer`
 */
export async function searchRegistry(
  sessions: { readonly session: RegistrySession; readonly index: RegistrySession | undefined },
  request: SearchRequest,
): Promise<readonly FoundRepository[]> {
  const [session, index] = [await ownHost(sessions.session), await ownHost(sessions.index ?? sessions.session)];
  const found = await searchIndex(index, request);
  if (found !== undefined) return found.slice(0, request.limit);
  return await searchCatalog(session, request);
}

async function ownHost(session: RegistrySession): Promise<HostClient> {
  return chiefHost(await session.hosts('resolve'));
}

/** @returns `undefined` where there is no such search */
async function searchIndex(host: HostClient, request: SearchRequest): Promise<FoundRepository[] | undefined> {
  const url = new URL('/v1/search', host.settings.base);
  url.searchParams.set('q', request.term);
  url.searchParams.set('n', String(request.limit));
  const response = await host.request({ path: url, signal: request.signal });
  const isJson = response.header('content-type')?.includes('json') === true;
  if (response.status !== 200 || !isJson) {
    response.discard();
    return undefined;
  }
  const refuse = refusal(host, 'search result');
  const answer = parseJsonObject(await response.bytes('search result', MAX_ANSWER_BYTES), refuse);
  return asArray(answer.results, 'results', refuse).map((value) => foundOf(asObject(value, 'a result', refuse)));
}

function foundOf({ name, description, star_count: stars, is_official: isOfficial }: JsonObject): FoundRepository {
  return {
    name: typeof name === 'string' ? name : '',
    description: typeof description === 'string' ? description : '',
    stars: typeof stars === 'number' ? stars : undefined,
    isOfficial: isOfficial === true,
  };
}

async function searchCatalog(host: HostClient, request: SearchRequest): Promise<readonly FoundRepository[]> {
  const { term, limit, signal, registry } = request;
  const refuse = refusal(host, 'catalogue');
  const found: FoundRepository[] = [];
  let page: URL | undefined = host.urlOf(`_catalog?n=${PAGE_ENTRIES}`);
  for (let pages = 0; page !== undefined && found.length < limit && pages < MAX_PAGES; pages++) {
    const response = await host.request({ path: page, signal });
    if (response.status !== 200) {
      const { status } = response;
      const answer = await response.excerpt();
      if (status === 401 || status === 403) {
        throw refusedBy(host, { image: 'its catalogue', registry, status, answer });
      }
      throw registryErrors.failing({ host: host.name, status, answer });
    }
    page = nextPage(response.header('link'), page);
    const answer = parseJsonObject(await response.bytes('catalogue', MAX_ANSWER_BYTES), refuse);
    for (const name of asArray(answer.repositories, 'repositories', refuse)) {
      if (typeof name !== 'string' || !name.includes(term.toLowerCase())) continue;
      found.push({ name, description: '', stars: undefined, isOfficial: false });
    }
  }
  return found.slice(0, limit);
}

function refusal(host: HostClient, what: string): Refuse {
  return (reason) => {
    throw registryErrors.badAnswer({ host: host.name, what, reason });
  };
}
