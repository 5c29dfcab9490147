import type { BackendName } from '../model/backend.ts';
import type { Backend } from './backend.ts';
import { bindBackend } from './backends/bind.ts';
import { copyBackend } from './backends/copy.ts';
import { type ErofsParts, erofsBackend } from './backends/erofs.ts';
import { overlayBackend } from './backends/overlay.ts';

/** Every backend there is. */
export function allBackends(parts: ErofsParts): Readonly<Record<BackendName, Backend>> {
  return {
    overlay: overlayBackend(parts),
    copy: copyBackend(parts),
    bind: bindBackend(),
    erofs: erofsBackend(parts),
  };
}
