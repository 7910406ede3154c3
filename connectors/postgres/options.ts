/** The options of the postgres connector. */
import { z } from 'zod';
import { positiveDurationType, sizeType } from '../../engine/graph/units.ts';

export interface PostgresConnection {
  readonly url: string;
  readonly tls: 'off' | 'require' | 'verify';
  /** PEM file of the authorities to trust. */
  readonly ca?: string | undefined;
  /** Microseconds. */
  readonly retryFor: bigint;
}

export interface PostgresSourceOptions extends PostgresConnection {
  readonly table?: string | undefined;
  readonly query?: string | undefined;
  readonly key?: string | undefined;
  /** Microseconds. */
  readonly poll?: bigint | undefined;
}

export interface PostgresSinkOptions extends PostgresConnection {
  readonly table: string;
  readonly mode: 'append' | 'upsert';
  readonly key: readonly string[];
  readonly create: boolean;
  readonly onRowError: 'fail' | 'skip';
  /** Bytes. */
  readonly maxHeld: number;
}

const connection = {
  url: z
    .string()
    .regex(/^postgres(ql)?:\/\//, { error: 'must begin with postgres:// or postgresql://' })
    .describe('Where the database is: `postgres://user@host:5432/database`; a password by a secret of the graph.'),
  tls: z
    .enum(['off', 'require', 'verify'])
    .default('off')
    .describe('`verify` also checks the name and the certificate of the server.'),
  ca: z.string().optional().describe('A PEM file of the authorities to trust; those of the system unless given.'),
  retryFor: positiveDurationType
    .default(60_000_000n)
    .describe('How long to try again when the database cannot be reached; 1m unless given.'),
};

const table = z.string().min(1).describe('A table, `name` or `schema.name`; capitals as the table has them.');

export const postgresSourceOptions: z.ZodType<PostgresSourceOptions> = z
  .strictObject({
    ...connection,
    table: table.optional(),
    query: z.string().min(1).optional().describe('A SELECT to read instead of a table.'),
    key: z
      .string()
      .min(1)
      .optional()
      .describe(
        'A unique column that only grows: rows are read in its order, and reading can go on behind any of them.',
      ),
    poll: positiveDurationType
      .optional()
      .describe('Look for rows with a greater key this often; the source then never ends.'),
  })
  .superRefine((options, context) => {
    if ((options.table === undefined) === (options.query === undefined)) {
      context.addIssue({
        code: 'custom',
        message: 'give either `table` or `query`',
        params: { code: 'postgres.what' },
      });
    }
    if (options.poll !== undefined && options.key === undefined) {
      const message = '`poll` needs `key`, to know which rows are new';
      context.addIssue({ code: 'custom', path: ['poll'], message, params: { code: 'postgres.poll-key' } });
    }
  });

export const postgresSinkOptions: z.ZodType<PostgresSinkOptions> = z
  .strictObject({
    ...connection,
    table,
    mode: z
      .enum(['append', 'upsert'])
      .default('append')
      .describe('`append` adds rows by COPY; `upsert` replaces the rows that have the same `key`.'),
    key: z.array(z.string().min(1)).default([]).describe('The columns of the unique constraint that `upsert` goes by.'),
    create: z.boolean().default(false).describe('Make the table where there is none.'),
    onRowError: z
      .enum(['fail', 'skip'])
      .default('fail')
      .describe('What becomes of a row that the database refuses: the run fails, or the row is left out and logged.'),
    maxHeld: sizeType
      .default(256_000_000)
      .describe('Bytes that may wait for the next checkpoint to be complete; 256MB unless given.'),
  })
  .superRefine((options, context) => {
    if (options.mode === 'upsert' && options.key.length === 0) {
      const message = '`mode: upsert` needs `key`';
      context.addIssue({ code: 'custom', path: ['mode'], message, params: { code: 'postgres.upsert-key' } });
    }
  });
