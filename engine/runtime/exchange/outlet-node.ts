/**
 * A stream that leaves the fragment over channels: rows are dealt as the exchange says and copied once, into Arrow's framing; progress,
 * barriers and the end go to all. Full channels make whoever pushes wait, like full sinks. Progress goes out once a turn of the event loop, or in front of
 * whatever else is sent: where nothing comes between, only the last of many watermarks tells anything. Durable channels are like
 * transactional sinks: what is sent belongs to the next checkpoint and is published when that is complete.
 */
import type { Batch } from '../../batch/batch.ts';
import { IpcEncoder } from '../../batch/ipc.ts';
import type { Outlet } from '../../compile/fragment-plan.ts';
import type { Tracer } from '../../metrics/trace.ts';
import { Lasting } from '../../metrics/work-clock.ts';
import type { Ports } from '../../ports.ts';
import { ProgressMinimum } from '../../progress/minimum.ts';
import type { OutletState } from '../../state/checkpoint/state.ts';
import type { DurableSender } from '../../transport/durable/durable.ts';
import type { Sender, SentItem } from '../../transport/transport.ts';
import type { Control } from '../control.ts';
import { type Receiver, streamName, type Taker } from '../stream.ts';
import type { Channels, DurablePast } from './channels.ts';
import { type Deal, dealerOf } from './exchange.ts';

export class OutletNode implements Taker {
  readonly plan: Outlet;
  readonly label: string;
  readonly #senders: readonly Sender[];
  readonly #encoder: IpcEncoder;
  readonly #deal: Deal;
  readonly #progress = new ProgressMinimum(1);
  readonly #full = new Lasting();
  readonly #ports: Ports;
  /** The progress has changed since it was sent. */
  #untold = false;
  /** Nothing was said of it yet: the first word goes out whatever it says, so that the other end hears that rows flow. */
  #isFirst: boolean;
  #tellSet = false;
  readonly #tracer: Tracer | undefined;
  /** By channel. */
  readonly #durable: ReadonlyMap<string, DurableSender>;
  #ended = false;
  /** The end was sent, perhaps by the run before. */
  #endSent: boolean;

  /** `senders` in the order of the plan's channels; `past`: of durable ones; `encoder`: of its schema, where it was made ahead. */
  constructor(
    plan: Outlet,
    senders: readonly Sender[],
    { ports, tracer }: Control,
    channels: Channels,
    past: DurablePast,
    encoder: IpcEncoder = new IpcEncoder(plan.schema),
  ) {
    this.plan = plan;
    const ids = plan.channels.filter((channel) => channels.isDurable(channel)).map(({ id }) => id);
    this.#durable = new Map(
      ids.flatMap((id) => {
        const sender = channels.durableSender(id);
        return sender === undefined ? [] : [[id, sender] as const];
      }),
    );
    this.#isFirst = ids.length === 0;
    this.#endSent = ids.length > 0 && ids.every((id) => past.outlet(id)?.ended === true);
    this.#ended = this.#endSent;
    this.#tracer = tracer;
    this.#ports = ports;
    this.label = `the channel of ${streamName(plan.stream)}`;
    this.#senders = senders;
    this.#encoder = encoder;
    this.#deal = dealerOf(plan);
  }

  get receiver(): Receiver {
    const send = (channel: number, batch: Batch): void => {
      this.#tell();
      const { rows } = batch;
      const payload = this.#encoder.prepare(batch);
      const trace = this.#tracer?.header();
      const item: SentItem =
        trace === undefined ? { kind: 'batch', payload, rows } : { kind: 'batch', payload, rows, trace };
      if (channel >= 0) this.#senders[channel]?.send(item);
      else for (const sender of this.#senders) sender.send(item);
    };
    return {
      batch: (batch) => this.#deal(batch, send),
      progress: (watermark, idle) => {
        if (!this.#progress.update(0, watermark, idle) && !this.#isFirst) return;
        this.#isFirst = false;
        this.#untold = true;
        this.#tellSoon();
      },
      end: () => {
        if (this.#ended) return;
        this.#tell();
        this.#ended = true;
        this.#endSent = true;
        for (const sender of this.#senders) sender.send({ kind: 'end' });
      },
    };
  }

  /** After the end there is nothing to part. `handover`: nothing comes after it. */
  barrier(checkpoint: number, handover: boolean): void {
    if (this.#ended) return;
    this.#tell();
    const mark = handover ? { handover: true as const } : {};
    for (const sender of this.#senders) sender.send({ kind: 'barrier', checkpoint, ...mark });
  }

  /** What its durable channels have sent so far, by their ids, for a checkpoint; good for it once `drained` has resolved. */
  states(): readonly (readonly [string, OutletState])[] {
    this.#tell();
    return [...this.#durable].map(([id, sender]) => [id, { sent: sender.mark(), ended: this.#endSent }] as const);
  }

  /** The checkpoint that holds these states is complete. */
  commit(states: ReadonlyMap<string, OutletState>): void {
    for (const [id, sender] of this.#durable) {
      const state = states.get(id);
      if (state !== undefined) sender.commit(state.sent);
    }
  }

  /** Resolves when what its durable channels have sent is on the disk. */
  async safe(): Promise<void> {
    await Promise.all([...this.#durable.values()].map((sender) => sender.drained()));
  }

  /** Nothing is sent any more. */
  close(): void {
    this.#ended = true;
  }

  #tellSoon(): void {
    if (this.#tellSet) return;
    this.#tellSet = true;
    void this.#ports.turn().then(() => {
      this.#tellSet = false;
      this.#tell();
    });
  }

  #tell(): void {
    if (!this.#untold || this.#ended) return;
    this.#untold = false;
    const { watermark: time, idle } = this.#progress;
    for (const sender of this.#senders) sender.send({ kind: 'watermark', time, idle });
  }

  room(): Promise<void> | undefined {
    for (const sender of this.#senders) {
      const room = sender.room();
      if (room === undefined) continue;
      this.#full.set(true, this.#ports.monotonic());
      return room;
    }
    this.#full.set(false, this.#ports.monotonic());
    return undefined;
  }

  /** As far as those who push have asked. */
  fullTime(monotonic: number): number {
    return this.#full.total(monotonic);
  }

  get queuedBytes(): number {
    return this.#senders.reduce((sum, { stats }) => sum + stats.queued, 0);
  }

  /** Resolves when the other ends have taken everything; of durable channels, when it is on the disk. */
  async drained(): Promise<void> {
    await Promise.all(this.#senders.map((sender) => sender.drained()));
  }
}
