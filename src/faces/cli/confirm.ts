import type { CliContext } from './context.ts';

/**
 * Asks on the terminal before something goes, as users of other engines know it; a script is not asked.
 *
 * @returns whether it may go
 */
export async function confirmed(
  context: CliContext,
  { what, force }: { readonly what: string; readonly force: boolean | undefined },
): Promise<boolean> {
  if (force === true || !context.stdin().isTTY) return true;
  const { ask } = await import('./registry/prompt.ts');
  return /^y(?:es)?$/i.test(await ask(context, `This takes away ${what}. Go on? [y/N] `));
}
