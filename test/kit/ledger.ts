/**
 * A connector whose rows outlive the runs that read and write them: sources that can be read again from any row, sinks whose output is seen only
 * once its checkpoint is complete. What is left of a run that is given up is what a killed process would leave.
 */
import { z } from 'zod';
import type { Batch } from '../../engine/batch/batch.ts';
import { sliceBatch } from '../../engine/batch/reader.ts';
import type { Connector, Prepared, Sink, SinkContext, Source, SourceContext } from '../../engine/graph/connector.ts';
import type { Json } from '../../engine/json.ts';
import { parseValue, stringifyValue } from '../../engine/json.ts';
import { type Row, rowsOf } from './memory-connector.ts';

export interface LedgerSource {
  /** All rows of each partition, in one batch. */
  readonly partitions: readonly Batch[];
  /** Rows that are handed out at a time, or what says how many the next time; all unless given. */
  readonly rows?: number | (() => number);
  /** Like a broker it has no positions: it hands out again what was not acknowledged, and nothing else. */
  readonly broker?: true;
  /** A bad row is reported before every batch whose number divides by it. */
  readonly badEvery?: number;
  /** A bad row stands before every row whose number divides by it. */
  readonly badRows?: number;
}

export class Ledger {
  readonly #sources: Readonly<Record<string, LedgerSource>>;
  /** By sink and its partitions, what complete checkpoints hold, by their ids. */
  readonly #seen = new Map<string, Map<string, Map<number, readonly Row[]>>>();
  /** By sink, rows written without checkpoints, seen when it was closed. */
  readonly #closed = new Map<string, Row[]>();
  /** Called before a batch is handed out, with the number of those before it. */
  onBatch: (source: string, partition: number, batches: number) => void | Promise<void> = () => undefined;
  /** By partition, rows that a broker does not hand out again. */
  readonly #forgotten = new Map<string, number>();
  /** What sources were told is safe: `readings/0 12`. */
  readonly acknowledged: string[] = [];

  constructor(sources: Readonly<Record<string, LedgerSource>>) {
    this.#sources = sources;
  }

  /** What is seen of a sink's output, in order, partition by partition. */
  rows(sink: string): Row[] {
    const partitions = [...(this.#seen.get(sink)?.values() ?? [])];
    const seen = partitions.flatMap((ids) => [...ids].sort(([a], [b]) => a - b).flatMap(([, rows]) => rows));
    return [...seen, ...(this.#closed.get(sink) ?? [])];
  }

  get connector(): Connector {
    return {
      name: 'ledger',
      summary: 'rows that outlive a run',
      example: '',
      source: {
        options: z.unknown(),
        attachable: [],
        replayable: () => true,
        open: async (_options, _schema, context) => this.#openSource(context),
      },
      sink: {
        options: z.unknown(),
        delivery: () => 'exactly-once',
        open: async (_options, _schema, context) => this.#openSink(context),
      },
    };
  }

  #openSource(context: SourceContext): Source {
    const source = this.#sources[context.name] ?? { partitions: [] };
    const { partitions, rows = Number.MAX_SAFE_INTEGER, badEvery = 0, badRows = 0 } = source;
    return {
      bounded: true,
      partitions: partitions.map((all, index) => {
        const name = `${context.name}/${index}`;
        const known = source.broker === true ? this.#forgotten.get(name) : context.positions?.get(name);
        let at = Number(known ?? 0);
        let batches = 0;
        return {
          name,
          next: async () => {
            await this.onBatch(context.name, index, batches++);
            if (at >= all.rows || context.signal.aborted) return undefined;
            const from = at;
            const size = typeof rows === 'number' ? rows : rows();
            const number = Math.floor(from / size);
            if (badEvery > 0 && number % badEvery === 0) {
              const row = { code: 'ledger.bad', message: 'no row', position: `${name}:${number}`, raw: '' };
              context.reject(row, name);
            }
            at = Math.min(all.rows, from + size);
            for (let row = from; badRows > 0 && row < at; row++) {
              if (row % badRows !== 0) continue;
              context.reject({ code: 'ledger.bad', message: 'no row', position: `${name}:${row}`, raw: '' }, name);
            }
            return sliceBatch(all, from, at);
          },
          ...(source.broker === true ? {} : { position: (): Json => at }),
          acknowledge: (position) => {
            this.#forgotten.set(name, at);
            this.acknowledged.push(`${name} ${position}`);
          },
        };
      }),
      close: async () => undefined,
    };
  }

  #openSink(context: SinkContext): Sink {
    const name = context.identity ?? context.name;
    const short = context.name;
    const partitions = this.#seen.get(short) ?? new Map<string, Map<number, readonly Row[]>>();
    this.#seen.set(short, partitions);
    const seen = partitions.get(name) ?? new Map<number, readonly Row[]>();
    partitions.set(name, seen);
    let written: Row[] = [];
    const commit = async (checkpoint: number, { frozen }: Prepared): Promise<void> => {
      const rows = parseValue(new TextDecoder().decode(frozen?.[0])) as Row[];
      if (!seen.has(checkpoint)) written = written.slice(rows.length);
      seen.set(checkpoint, rows);
    };
    // Another run may have gone further before it was given up; what it had complete stays.
    if (context.restored !== undefined) void commit(context.restored.checkpoint, context.restored.prepared);
    if (context.restored !== undefined) written = [];
    return {
      write: (batch) => {
        written.push(...rowsOf(batch));
      },
      prepare: async (checkpoint) => {
        const frozen = [new TextEncoder().encode(stringifyValue(written))];
        return { state: { name, checkpoint }, frozen };
      },
      commit,
      close: async () => {
        if (context.checkpointed !== true) this.#closed.set(short, [...(this.#closed.get(short) ?? []), ...written]);
        else if (written.length > 0) throw new Error(`${name}: ${written.length} rows after the last checkpoint`);
        return { rows: written.length, wrote: [`ledger:${short}`] };
      },
      abort: async () => undefined,
    };
  }
}
