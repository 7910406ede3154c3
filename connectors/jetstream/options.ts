/** The options of the jetstream connector. */
import { z } from 'zod';
import { positiveDurationType, sizeType } from '../../engine/graph/units.ts';
import { accessShape, type NatsAccess } from '../nats/access.ts';
import { patternType, subjectType } from '../nats/options.ts';
import { type PayloadRead, type PayloadWrite, withPayloadRead, withPayloadWrite } from '../payload/payload.ts';

export type StartAt = 'first' | 'new' | { readonly sequence: number } | { readonly time: string };

export interface JetStreamSourceOptions extends NatsAccess {
  readonly stream?: string | undefined;
  readonly subject?: string | undefined;
  readonly domain?: string | undefined;
  readonly start: StartAt;
  readonly follow: boolean;
  readonly holes: 'fail' | 'report';
  readonly payload: PayloadRead;
}

export interface JetStreamSinkOptions extends NatsAccess {
  readonly subject: string;
  readonly domain?: string | undefined;
  readonly create?: CreateStream | undefined;
  /** Bytes. */
  readonly maxHeld: number;
  readonly payload: PayloadWrite;
}

export interface CreateStream {
  readonly stream: string;
  readonly subjects?: readonly string[] | undefined;
  readonly storage: 'file' | 'memory';
  readonly replicas: number;
  /** Bytes. */
  readonly maxBytes?: number | undefined;
  /** Microseconds. */
  readonly maxAge?: bigint | undefined;
}

const streamName = z.string().regex(/^[^\s.*>/\\]+$/, 'a stream is named by one word without . * > / \\');
const domain = z
  .string()
  .regex(/^[A-Za-z0-9_-]+$/, 'a domain is one word')
  .optional()
  .describe("The JetStream domain, where it is not the server's own (leaf nodes).");

export const jetStreamSourceOptions: z.ZodType<JetStreamSourceOptions> = withPayloadRead({
  ...accessShape,
  stream: streamName.optional().describe('The stream to read; the one that holds `subject` unless given.'),
  subject: patternType
    .optional()
    .describe('Only messages of these subjects; `*` and `>` are wildcards. All of the stream unless given.'),
  domain,
  start: z
    .union([
      z.enum(['first', 'new']),
      z.strictObject({ sequence: z.int().min(1) }),
      z.strictObject({ time: z.iso.datetime({ offset: true }) }),
    ])
    .default('first')
    .describe(
      'Where to begin: `first`, the oldest message that is kept; `new`, behind the last; `{ sequence: 17 }`; `{ time: 2026-01-01T00:00:00Z }`. A run that goes on from a checkpoint goes on where that stood.',
    ),
  follow: z.boolean().default(true).describe('Wait for more at the end; else the source ends with what is there now.'),
  holes: z
    .enum(['fail', 'report'])
    .default('fail')
    .describe('What to do about messages that are gone before they were read: fail, or report each gap as a bad row.'),
}) as z.ZodType<JetStreamSourceOptions>;

export const jetStreamSinkOptions: z.ZodType<JetStreamSinkOptions> = withPayloadWrite({
  ...accessShape,
  subject: subjectType.describe('Where to publish; a stream must hold it.'),
  domain,
  create: z
    .strictObject({
      stream: streamName.describe('Its name.'),
      subjects: z.array(patternType).min(1).optional().describe('The subjects that it holds; `subject` unless given.'),
      storage: z.enum(['file', 'memory']).default('file').describe('Where it is kept; `file` unless given.'),
      replicas: z.int().min(1).max(5).default(1).describe('Servers of a cluster that keep it; 1 unless given.'),
      maxBytes: sizeType.optional().describe('Bytes after which the oldest messages go; unbounded unless given.'),
      maxAge: positiveDurationType.optional().describe('Age after which messages go; unbounded unless given.'),
    })
    .optional()
    .describe('Make the stream where it is missing, or bring it to this configuration.'),
  maxHeld: sizeType
    .default(268_435_456)
    .describe('Output that may wait for its checkpoint before the run fails. 256MiB unless given.'),
}) as z.ZodType<JetStreamSinkOptions>;
