/** The options of the http connector. */
import { z } from 'zod';
import { positiveDurationType, sizeType } from '../../engine/graph/units.ts';
import { type PayloadRead, type PayloadWrite, withPayloadRead, withPayloadWrite } from '../payload/payload.ts';

export interface HttpSourceOptions {
  readonly payload: PayloadRead;
  /** `host:port` or `:port`. */
  readonly listen?: string | undefined;
  readonly path: string;
  readonly url?: string | undefined;
  /** Microseconds. */
  readonly every?: bigint | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly token?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Bytes. */
  readonly maxBody: number;
  readonly queue: number;
  readonly requireKey: boolean;
  readonly keepKeys: number;
  /** Microseconds. */
  readonly keepKeysFor: bigint;
  readonly timeout: bigint;
  readonly retryFor: bigint;
}

export interface HttpSinkOptions {
  readonly payload: PayloadWrite;
  readonly url: string;
  readonly method: 'POST' | 'PUT';
  readonly headers: Readonly<Record<string, string>>;
  readonly token?: string | undefined;
  readonly onRefused: 'fail' | 'skip';
  /** Bytes. */
  readonly maxBody: number;
  readonly maxHeld: number;
  /** Microseconds. */
  readonly timeout: bigint;
  readonly retryFor: bigint;
}

const url = z.string().regex(/^https?:\/\//, { error: 'must begin with http:// or https://' });

const common = {
  headers: z.record(z.string(), z.string()).default({}).describe('Headers of every request.'),
  token: z
    .string()
    .min(1)
    .optional()
    .describe('A bearer token: asked of callers, or sent with requests; best a secret.'),
  timeout: positiveDurationType.default(30_000_000n).describe('How long one request may take; 30s unless given.'),
  retryFor: positiveDurationType
    .default(60_000_000n)
    .describe('How long to try again when the other side cannot be reached, or asks for patience; 1m unless given.'),
};

export const httpSourceOptions: z.ZodType<HttpSourceOptions> = withPayloadRead({
  listen: z
    .string()
    .regex(/^(.+)?:\d{1,5}$/, { error: 'is written `host:port`, or `:port` for all addresses' })
    .optional()
    .describe('Take requests here (a webhook): `127.0.0.1:8080`; port 0 takes any free one.'),
  path: z
    .string()
    .regex(/^\//, { error: 'must begin with /' })
    .default('/')
    .describe('The path that requests go to; / unless given.'),
  url: url.optional().describe('Fetch rows from here instead.'),
  every: positiveDurationType
    .optional()
    .describe('Fetch again and again; the source then never ends. Answers that have not changed (ETag) give no rows.'),
  cert: z.string().optional().describe('PEM file of the certificate to listen with; then https.'),
  key: z.string().optional().describe('PEM file of the certificate’s key.'),
  maxBody: sizeType
    .default(16_000_000)
    .describe('Bytes that a body may have; 16MB unless given. Larger ones are answered by 413.'),
  queue: sizeType
    .default(64_000_000)
    .describe(
      'Bytes of bodies that may wait; 64MB unless given. Beyond, requests are answered by 429 and Retry-After.',
    ),
  requireKey: z
    .boolean()
    .default(false)
    .describe(
      'Refuse requests without the header Idempotency-Key (400). With it and a journal each request is taken once, however often it is sent.',
    ),
  keepKeys: z
    .int()
    .min(1)
    .max(10_000_000)
    .default(100_000)
    .describe(
      'How many of the latest Idempotency-Keys are remembered; a request repeated under one gets the same answer, and its rows are not taken again. 100000 unless given.',
    ),
  keepKeysFor: positiveDurationType.default(86_400_000_000n).describe('For how long; 24h unless given.'),
  ...common,
}).refine(
  (options) =>
    ((options as HttpSourceOptions).listen === undefined) !== ((options as HttpSourceOptions).url === undefined),
  { error: 'give either `listen` or `url`' },
) as unknown as z.ZodType<HttpSourceOptions>;

export const httpSinkOptions: z.ZodType<HttpSinkOptions> = withPayloadWrite({
  url: url.describe('Where to send rows.'),
  method: z.enum(['POST', 'PUT']).default('POST').describe('POST unless given.'),
  onRefused: z
    .enum(['fail', 'skip'])
    .default('fail')
    .describe('What becomes of rows that are refused for good (4xx): the run fails, or they are left out and logged.'),
  maxBody: sizeType
    .default(1_000_000)
    .describe('Bytes of a body; a batch that makes more goes in parts. 1MB unless given.'),
  maxHeld: sizeType
    .default(256_000_000)
    .describe('Bytes that may wait for the next checkpoint to be complete; 256MB unless given.'),
  ...common,
}) as unknown as z.ZodType<HttpSinkOptions>;
