/** Options that several formats share, so that they mean and say the same in each. */
import { z } from 'zod';
import { sizeType } from '../../../engine/graph/units.ts';

const DEFAULT_MAX_ROW_BYTES = 16_777_216;

export const maxRowBytes: z.ZodType<number> = sizeType
  .default(DEFAULT_MAX_ROW_BYTES)
  .describe('Longest record; a longer one is a bad row. 16MiB unless given.') as z.ZodType<number>;

export const records: z.ZodType<string | undefined> = z
  .string()
  .min(1)
  .optional()
  .describe(
    'Path to the array of records inside the document, as in `features` or `data.items`; the document itself unless given.',
  );
