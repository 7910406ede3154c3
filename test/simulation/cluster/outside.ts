/**
 * What is outside of a simulated cluster and outlives all of it: rows that sources hand out again from any position, and what sinks have made
 * visible. Only here it shows whether something was lost or came twice.
 */
import { z } from 'zod';
import type { Batch } from '../../../engine/batch/batch.ts';
import { internalError } from '../../../engine/errors.ts';
import type { Connector, Prepared, Sink, SinkContext, Source, SourceContext } from '../../../engine/graph/connector.ts';
import { type Json, parseValue, stringifyValue } from '../../../engine/json.ts';
import { rowsOf } from '../../kit/tables.ts';
import type { SimulatedNode } from '../nats/node.ts';

export interface OutsideOptions {
  batches(source: string): readonly Batch[];
  violate(what: string): void;
  say(what: string): void;
  /** A source has handed out a batch. */
  handedOut(): void;
}

/** Milliseconds between two batches of a source, and that a commit takes, at most. */
const PACE = 350;
const COMMIT = 40;

export class Outside {
  readonly options: OutsideOptions;
  /** By sink, what was made visible by the checkpoint that did. */
  readonly #visible = new Map<string, Map<number, readonly string[]>>();

  constructor(options: OutsideOptions) {
    this.options = options;
  }

  /** All that is seen of a sink, in the order of the checkpoints. */
  rows(sink: string): readonly string[] {
    const all = [...(this.#visible.get(sink) ?? [])].sort(([a], [b]) => a - b);
    return all.flatMap(([, rows]) => rows);
  }

  /** The same checkpoint may be committed again, with the same rows. */
  commit(sink: string, checkpoint: number, rows: readonly string[], who: string): void {
    const visible = this.#visible.get(sink) ?? new Map<number, readonly string[]>();
    this.#visible.set(sink, visible);
    const before = visible.get(checkpoint);
    this.options.say(
      `${who}: ${sink} shows ${rows.length} rows of checkpoint ${checkpoint}${before === undefined ? '' : ' again'}`,
    );
    if (before !== undefined && before.join() !== rows.join()) {
      this.options.violate(
        `${sink}: checkpoint ${checkpoint} was committed with ${before.length} rows, then with ${rows.length} others`,
      );
    }
    visible.set(checkpoint, rows);
  }
}

/** What was written up to one checkpoint since the one before. */
type Piece = readonly [checkpoint: number, rows: readonly string[]];

/** The connector of one process; without one it only describes itself. */
export function outsideConnector(
  at: { readonly outside: Outside; readonly node: SimulatedNode } | undefined,
): Connector {
  const here = (): NonNullable<typeof at> => {
    if (at === undefined) throw internalError('simulation.no-process', 'opened outside of a process');
    return at;
  };
  return {
    name: 'outside',
    summary: 'rows outside of a simulated cluster',
    example: '',
    source: {
      options: z.unknown(),
      attachable: [],
      replayable: () => true,
      open: async (_options, _schema, context) => openSource(here(), context),
    },
    sink: {
      options: z.unknown(),
      delivery: () => 'exactly-once',
      open: async (_options, _schema, context) => openSink(here(), context),
    },
  };
}

function openSource({ outside, node }: { outside: Outside; node: SimulatedNode }, context: SourceContext): Source {
  const all = outside.options.batches(context.name);
  let at = Number(context.positions?.get(context.name) ?? 0);
  return {
    bounded: true,
    partitions: [
      {
        name: context.name,
        next: async () => {
          await pause(node, node.random.next() ** 2 * PACE);
          if (context.signal.aborted) return undefined;
          const batch = all[at];
          if (batch === undefined) return undefined;
          at += 1;
          outside.options.handedOut();
          return batch;
        },
        position: (): Json => at,
        acknowledge: () => undefined,
      },
    ],
    close: async () => undefined,
  };
}

function openSink({ outside, node }: { outside: Outside; node: SimulatedNode }, context: SinkContext): Sink {
  const { name, restored } = context;
  let written: string[] = [];
  /** Pieces of checkpoints that may have been given up, or whose commit has not been heard: later ones take them along. */
  let pieces: readonly Piece[] = [];
  const commit = async (checkpoint: number, prepared: Prepared): Promise<void> => {
    await pause(node, node.random.next() * COMMIT);
    const all = parseValue(new TextDecoder().decode(prepared.frozen?.[0])) as Piece[];
    for (const [id, rows] of all) outside.commit(name, id, rows, node.name);
    pieces = pieces.filter(([id]) => id > checkpoint);
  };
  const opened = restored === undefined ? Promise.resolve() : commit(restored.checkpoint, restored.prepared);
  return {
    write: async (batch) => {
      written.push(...rowsOf(batch).map((row) => row.join('|')));
      await opened;
    },
    prepare: async (checkpoint) => {
      await opened;
      pieces = [...pieces, [checkpoint, written]];
      written = [];
      return { state: { name, checkpoint }, frozen: [new TextEncoder().encode(stringifyValue(pieces))] };
    },
    commit,
    close: async () => {
      await opened;
      if (written.length > 0) {
        outside.options.violate(`${name}: closed with ${written.length} rows after its last checkpoint`);
      }
      return { rows: 0, wrote: [] };
    },
    abort: async () => undefined,
  };
}

function pause(node: SimulatedNode, milliseconds: number): Promise<void> {
  return new Promise((resolve) => node.after(milliseconds, resolve));
}
