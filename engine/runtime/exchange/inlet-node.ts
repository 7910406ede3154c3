/**
 * A stream that comes into the fragment over channels: their rows as they come, the minimum of their watermarks, the end when all
 * have ended. Barriers go to the fragment's alignment, which says when a channel is to wait; durable channels have none and go on, like sources, from
 * where a checkpoint has seen them. A durable channel whose sender is not heard, or has more than was read, is not idle, whatever was said last: it
 * holds the watermark.
 */
import { IpcDecoder } from '../../batch/ipc.ts';
import type { Inlet } from '../../compile/fragment-plan.ts';
import type { OpenSpan, Tracer } from '../../metrics/trace.ts';
import { ProgressMinimum } from '../../progress/minimum.ts';
import { TIME_MIN } from '../../progress/time.ts';
import type { InletState } from '../../state/checkpoint/state.ts';
import type { Item, Receiver } from '../../transport/transport.ts';
import type { Control } from '../control.ts';
import { Stream, streamName, type Taker } from '../stream.ts';
import type { Channels, DurablePast } from './channels.ts';

/** Milliseconds of work after which I/O, timers and signals get a turn. */
const BREATHE_AFTER = 2;

/** What an inlet asks and tells of one channel between items. */
export interface Lane {
  /** A promise while the channel is not to be read. */
  hold(): Promise<void> | undefined;
  barrier(checkpoint: number, handover: boolean): void;
  /** The fragment has handed over: nothing is taken any more. */
  readonly isOver: boolean;
  ended(): void;
}

export class InletNode {
  readonly plan: Inlet;
  readonly stream: Stream;
  readonly #control: Control;
  readonly #progress: ProgressMinimum;
  readonly #decoder: IpcDecoder;
  readonly #channels: Channels;
  readonly #past: readonly (InletState | undefined)[];
  /** What each channel has said last of being idle. */
  readonly #saidIdle: boolean[];
  /** No progress was handed on yet: the first word is, whatever it says. */
  #isFirst = true;

  /** `past`: of its durable channels. */
  constructor(plan: Inlet, control: Control, channels: Channels, past: DurablePast) {
    this.plan = plan;
    this.stream = new Stream(plan.stream, plan.schema);
    this.#control = control;
    this.#progress = new ProgressMinimum(plan.channels.length);
    this.#decoder = new IpcDecoder(plan.schema);
    this.#channels = channels;
    this.#past = plan.channels.map((channel) => (channels.isDurable(channel) ? past.inlet(channel.id) : undefined));
    this.#saidIdle = plan.channels.map(() => false);
    for (const [index, { id }] of plan.channels.entries()) channels.watch(id, () => this.#linkChanged(index));
  }

  get ended(): boolean {
    return this.#progress.ended;
  }

  /** Where its durable channels are, by their ids, as a restart needs it. */
  states(): readonly (readonly [string, InletState])[] {
    return this.plan.channels.flatMap(({ id }, index) => {
      const receiver = this.#channels.durableReceiver(id);
      if (receiver === undefined) return [];
      const { watermark, ended } = this.#progress.input(index);
      const known = watermark === TIME_MIN ? {} : { watermark };
      const idle = this.#saidIdle[index] ?? false;
      return [[id, { taken: receiver.snapshot(), idle, ended, ...known }] as const];
    });
  }

  /** A complete checkpoint holds these states: senders may forget what they cover. */
  acknowledge(states: ReadonlyMap<string, InletState>): void {
    for (const { id } of this.plan.channels) {
      const state = states.get(id);
      if (state !== undefined) this.#channels.durableReceiver(id)?.acknowledge(state.taken);
    }
  }

  /** Takes channel `index` to its end. Rejects with what went wrong. */
  async run(index: number, receiver: Receiver, lane: Lane, below: readonly Taker[]): Promise<void> {
    const { failed, ports } = this.#control;
    if (this.#resume(index)) return lane.ended();
    let lastBreath = ports.monotonic();
    while (!failed.tripped && !lane.isOver) {
      const wait = lane.hold() ?? roomOf(below);
      const item = wait === undefined ? receiver.take() : undefined;
      if (item === undefined) {
        await failed.until(wait ?? receiver.ready());
        continue;
      }
      this.#accept(index, item);
      if (item.kind === 'barrier') lane.barrier(item.checkpoint, item.handover === true);
      if (item.kind === 'end') return lane.ended();
      if (ports.monotonic() - lastBreath < BREATHE_AFTER) continue;
      await ports.turn();
      lastBreath = ports.monotonic();
    }
  }

  /** Takes up how far the channel had come; true where it had ended. */
  #resume(index: number): boolean {
    const past = this.#past[index];
    if (past === undefined) return false;
    const { watermark, idle, ended } = past;
    this.#saidIdle[index] = idle;
    const changed = watermark !== undefined && this.#progress.update(index, watermark, this.#isIdle(index));
    const over = ended && this.#progress.end(index);
    if (changed || over) this.#advance();
    return ended;
  }

  #accept(index: number, item: Item): void {
    switch (item.kind) {
      case 'batch':
        this.#takeBatch(index, item);
        this.#lookAgain(index);
        return;
      case 'watermark':
        this.#saidIdle[index] = item.idle;
        if (this.#progress.update(index, item.time, this.#isIdle(index)) || this.#isFirst) this.#advance();
        return;
      case 'end':
        if (this.#progress.end(index)) this.#advance();
        return;
      case 'barrier':
        return;
    }
  }

  #isIdle(index: number): boolean {
    if (this.#saidIdle[index] !== true) return false;
    return this.#channels.durableReceiver(this.plan.channels[index]?.id ?? '')?.current ?? true;
  }

  /** Of a channel that has said to be idle: whether it still is. */
  #lookAgain(index: number): void {
    if (this.#saidIdle[index] !== true) return;
    const { watermark, idle, ended } = this.#progress.input(index);
    const now = this.#isIdle(index);
    if (!ended && idle !== now && this.#progress.update(index, watermark, now)) this.#advance();
  }

  #linkChanged(index: number): void {
    if (this.#control.failed.tripped) return;
    try {
      this.#lookAgain(index);
    } catch (error) {
      this.#control.failNode('cell', streamName(this.plan.stream), error);
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
    this.#isFirst = false;
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
