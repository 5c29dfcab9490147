import { expect, test } from 'vitest';
import type { ContainerStatus } from '../../../engine/facade.ts';
import type { FileOperations } from '../../../engine/file-facade.ts';
import type { Role } from '../../../model/access.ts';
import { ConfinedFiles } from './confined-files.ts';

function filesOf(role: Role, kind: 'none' | 'image'): { readonly files: ConfinedFiles; readonly asked: string[] } {
  const asked: string[] = [];
  const lookAt: FileOperations['lookAt'] = async (id) => {
    asked.push(id);
    return { mode: 0, uid: 0, gid: 0, sizeBytes: 0, mtimeNs: 0n, linkTarget: '' };
  };
  const finder = { status: async () => ({ uid: 'aaaaaaaaaaaa', config: { rootfs: { kind } } }) as ContainerStatus };
  const caller = { name: 'token ci', grant: { role } };
  return { files: new ConfinedFiles({ lookAt } as FileOperations, finder, caller), asked };
}

test('a container is handed on by its uid', async () => {
  const { files, asked } = filesOf('operate', 'image');
  await files.lookAt('web', '/etc', false);
  expect(asked).toEqual(['aaaaaaaaaaaa']);
});

test("in a container with the host's own files a copy is for an admin alone", async () => {
  const [operator, admin] = [filesOf('operate', 'none'), filesOf('admin', 'none')];
  await expect(operator.files.lookAt('web', '/etc', false)).rejects.toMatchObject({ code: 'access.outOfReach' });
  await admin.files.lookAt('web', '/etc', false);
  expect([operator.asked, admin.asked]).toEqual([[], ['aaaaaaaaaaaa']]);
});
