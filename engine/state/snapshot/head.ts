/** The head of a snapshot as it must be: a file may have the right checksum and still be made by somebody else. */
import { z } from 'zod';
import type { SnapshotHead } from './format.ts';

const count = z.number().int().nonnegative();
const image = z.object({ module: z.string(), length: count, zeros: count, here: count, inBase: count });
const section = z.object({
  kind: z.enum(['state', 'pages']),
  codec: z.enum(['none', 'zstd']),
  bytes: count,
  plain: count,
});

const HEAD = z.object({
  namespace: z.string(),
  app: z.string(),
  region: z.string(),
  cell: z.string(),
  epoch: count,
  revision: count,
  checkpoint: count,
  taken: count,
  beside: z.array(z.string()),
  images: z.record(z.string(), image),
  base: z.string().exactOptional(),
  sections: z.array(section),
});

/** Throws what is wrong, as the end of a sentence. */
export function headOf(value: unknown): SnapshotHead {
  const { data, error } = HEAD.safeParse(value);
  if (data !== undefined) return data;
  throw new Error(`its head is none (${error?.issues[0]?.path.join('.') || 'no object'})`);
}
