/** The options of the nats connector. */
import { z } from 'zod';
import { positiveDurationType, sizeType } from '../../engine/graph/units.ts';
import { type PayloadRead, type PayloadWrite, withPayloadRead, withPayloadWrite } from '../payload/payload.ts';
import { accessShape, type NatsAccess } from './access.ts';

export interface NatsSourceOptions extends NatsAccess {
  readonly subject: string;
  readonly queue?: string | undefined;
  /** Bytes. */
  readonly maxQueue: number;
  readonly payload: PayloadRead;
}

export interface NatsSinkOptions extends NatsAccess {
  readonly subject: string;
  readonly ack: 'none' | 'reply';
  /** Microseconds. */
  readonly timeout: bigint;
  readonly payload: PayloadWrite;
}

const SUBJECT = /^[^\s.*>]+(\.[^\s.*>]+)*$/;
const PATTERN = /^([^\s.*>]+|\*)(\.([^\s.*>]+|\*))*(\.>)?$|^>$/;

export const subjectType: z.ZodString = z
  .string()
  .regex(SUBJECT, 'a subject is words joined by dots, without blanks and wildcards');
export const patternType: z.ZodString = z
  .string()
  .regex(PATTERN, 'a subject is words joined by dots; * stands for one of them, > at the end for all that follow');

export const natsSourceOptions: z.ZodType<NatsSourceOptions> = withPayloadRead({
  ...accessShape,
  subject: patternType.describe('What to listen to; `*` and `>` are wildcards.'),
  queue: z
    .string()
    .regex(/^\S+$/, 'a queue group is one word')
    .optional()
    .describe('Share the messages with all who listen in the queue group of this name: each goes to one of them.'),
  maxQueue: sizeType
    .default(67_108_864)
    .describe('Messages that may wait; those beyond are left out and reported as bad rows. 64MiB unless given.'),
}) as z.ZodType<NatsSourceOptions>;

export const natsSinkOptions: z.ZodType<NatsSinkOptions> = withPayloadWrite({
  ...accessShape,
  subject: subjectType.describe('Where to publish.'),
  ack: z
    .enum(['none', 'reply'])
    .default('none')
    .describe('`reply`: each message must be answered by whoever takes it, and is sent again until it is.'),
  timeout: positiveDurationType.default(5_000_000n).describe('How long to wait for an answer; 5s unless given.'),
}) as z.ZodType<NatsSinkOptions>;
