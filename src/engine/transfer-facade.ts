import type { CopyRequest, ImageTransfers, PushRequest, Transferred } from '../image/transfer/image-transfers.ts';
import type { ImportRequest } from '../image/transfer/import-image.ts';
import type { SaveRequest } from '../image/transfer/save-images.ts';
import type { TransferProgress } from '../image/transfer/transfer.ts';

export { SAVE_FORMATS } from '../image/transfer/save-images.ts';
export type { CopyRequest, ImportRequest, PushRequest, SaveRequest, TransferProgress, Transferred };

/** Images on their way in and out of the store, and past it. What {@link ImageTransfers} says, each call an operation. */
export type TransferOperations = ImageTransfers;
