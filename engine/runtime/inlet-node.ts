/**
 * A stream that comes into the fragment over channels: their rows as they come, the minimum of their watermarks, the end when all
 * have ended. Barriers go to the fragment's alignment, which says when a channel is to wait.
 */
import { IpcDecoder } from '../batch/ipc.ts';
import type { Inlet } from '../compile/fragment-plan.ts';
import type { OpenSpan, Tracer } from '../metrics/trace.ts';
import { ProgressMinimum } from '../progress/minimum.ts';
import type { Item, Receiver } from '../transport/transport.ts';
import type { Alignment } from './alignment.ts';
import type { Control } from './control.ts';
import { Stream, streamName, type Taker } from './stream.ts';

/** Milliseconds of work after which I/O, timers and signals get a turn. */
const BREATHE_AFTER = 2;

export class InletNode {
  readonly plan: Inlet;
  readonly stream: Stream;
  readonly #control: Control;
  readonly #progress: ProgressMinimum;
  readonly #decoder: IpcDecoder;

  constructor(plan: Inlet, control: Control) {
    this.plan = plan;
    this.stream = new Stream(plan.stream, plan.schema);
    this.#control = control;
    this.#progress = new ProgressMinimum(plan.channels.length);
    this.#decoder = new IpcDecoder(plan.schema);
  }

  get ended(): boolean {
    return this.#progress.ended;
  }

  /** Takes channel `index` to its end; `place` is its number in the alignment. Rejects with what went wrong. */
  async run(
    index: number,
    receiver: Receiver,
    {
      alignment,
      place,
      below,
    }: { readonly alignment: Alignment; readonly place: number; readonly below: readonly Taker[] },
  ): Promise<void> {
    const { failed, ports } = this.#control;
    let lastBreath = ports.monotonic();
    while (!failed.tripped) {
      const wait = alignment.hold(place) ?? roomOf(below);
      const item = wait === undefined ? receiver.take() : undefined;
      if (item === undefined) {
        await failed.until(wait ?? receiver.ready());
        continue;
      }
      this.#accept(index, item);
      if (item.kind === 'barrier') alignment.barrier(place, item.checkpoint);
      if (item.kind === 'end') return alignment.ended(place);
      if (ports.monotonic() - lastBreath < BREATHE_AFTER) continue;
      await ports.turn();
      lastBreath = ports.monotonic();
    }
  }

  #accept(index: number, item: Item): void {
    switch (item.kind) {
      case 'batch':
        this.#takeBatch(index, item);
        return;
      case 'watermark':
        if (this.#progress.update(index, item.time, item.idle)) this.#advance();
        return;
      case 'end':
        if (this.#progress.end(index)) this.#advance();
        return;
      case 'barrier':
        return;
    }
  }

  #takeBatch(index: number, { payload, rows, trace }: Extract<Item, { readonly kind: 'batch' }>): void {
    const { tracer } = this.#control;
    const span = tracer === undefined || trace === undefined ? undefined : this.#adopt(tracer, trace, index, rows);
    try {
      this.stream.batch(this.#decoder.decode(payload));
    } finally {
      span?.leave();
    }
  }

  #adopt(tracer: Tracer, trace: string, index: number, rows: number): OpenSpan | undefined {
    const { stream, channels } = this.plan;
    const { id = '', from = '', transport = '' } = channels[index] ?? {};
    return tracer.adopt(trace, `channel ${streamName(stream)}`, {
      'cloudskin.rows': rows,
      'cloudskin.channel': id,
      'cloudskin.from': from,
      'cloudskin.transport': transport,
    });
  }

  #advance(): void {
    const { watermark, idle, ended } = this.#progress;
    if (ended) this.stream.end();
    else this.stream.progress(watermark, idle);
  }
}

/** A wait for the first taker that is full. */
export function roomOf(takers: readonly Taker[]): Promise<void> | undefined {
  for (const taker of takers) {
    const room = taker.room();
    if (room !== undefined) return room;
  }
  return undefined;
}
