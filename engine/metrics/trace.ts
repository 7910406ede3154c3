/**
 * Follows one batch in so many through the nodes of a fragment, and over channels into other fragments. A push is a call through all nodes, so
 * what runs now is always a part of what called it: one current span a fragment, as `WorkClock` has one current worker. Ids and times come from
 * the ports, so that a simulation repeats them.
 */
import { messageOf } from '../errors.ts';
import type { Ports } from '../ports.ts';

/** A part of a trace, as data; `trace` and `span` as 32 and 16 hexadecimal digits. */
export interface Span {
  readonly trace: string;
  readonly span: string;
  readonly parent?: string;
  readonly name: string;
  /** `consumer`: over a channel, from sending to receipt. */
  readonly kind: 'internal' | 'consumer';
  /** Milliseconds since the epoch, and parts of them. */
  readonly start: number;
  readonly end: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly error?: string;
}

export interface TraceOptions {
  /** One source batch in so many is followed, the first of each source among them. */
  readonly every: number;
  readonly emit: (span: Span) => void;
}

export interface TraceContext {
  readonly trace: string;
  readonly span: string;
}

/** A span that has begun. */
export interface OpenSpan {
  readonly context: TraceContext;
  /** What runs from now on is no part of it, though it has not ended; for work that is waited for. */
  leave(): void;
  /** Leaves it, and tells of it. */
  end(error?: unknown): void;
}

/** A W3C traceparent; behind it a tracestate with our one member, the sender's clock in milliseconds since the epoch. */
const HEADER = /^00-([0-9a-f]{32})-([0-9a-f]{16})-01 cloudskin=([0-9]{1,16}(?:\.[0-9]{1,6})?)$/;

export class Tracer {
  readonly #options: TraceOptions;
  readonly #ports: Ports;
  readonly #attributes: Readonly<Record<string, string | number>>;
  #current: TraceContext | undefined;
  /** What the monotonic clock, which tells parts of a millisecond, is behind the other. */
  #offset: number;

  /** `attributes` are those of every span. */
  constructor(options: TraceOptions, ports: Ports, attributes: Readonly<Record<string, string | number>>) {
    this.#options = options;
    this.#ports = ports;
    this.#attributes = attributes;
    this.#offset = ports.now() - ports.monotonic();
  }

  /** Of what runs now; undefined where no batch that is followed does. */
  get current(): TraceContext | undefined {
    return this.#current;
  }

  /** Begins a trace where the batch is one that is to be followed; `count` counts the batches of its source, from 1. */
  root(count: number, name: string, rows: number): OpenSpan | undefined {
    if ((count - 1) % this.#options.every !== 0) return undefined;
    this.#settle();
    return this.#begin({ trace: this.#digits(32), span: '' }, name, rows);
  }

  /** Begins a part of `parent`, or of what runs now; nothing where there is neither. */
  part(name: string, rows: number, parent: TraceContext | undefined = this.#current): OpenSpan | undefined {
    return parent === undefined ? undefined : this.#begin(parent, name, rows);
  }

  /** What to send along with a batch. */
  header(): string | undefined {
    if (this.#current === undefined) return undefined;
    const { trace, span } = this.#current;
    return `00-${trace}-${span}-01 cloudskin=${this.#time().toFixed(3)}`;
  }

  /**
   * Takes up what was sent along with a batch: tells of its way here, and makes what runs until `leave` a part of it. The sender's clock may go
   * otherwise than this one: then the way seems to take longer or shorter than it did, but never less than no time.
   */
  adopt(header: string, name: string, attributes: Readonly<Record<string, string | number>>): OpenSpan | undefined {
    const [, trace, parent, sent] = HEADER.exec(header) ?? [];
    if (trace === undefined || parent === undefined) return undefined;
    this.#settle();
    const end = this.#time();
    const span = this.#digits(16);
    this.#options.emit({
      trace,
      span,
      parent,
      name,
      kind: 'consumer',
      start: Math.min(Number(sent), end),
      end,
      attributes: { ...this.#attributes, ...attributes },
    });
    const context = { trace, span };
    const leave = this.#enter(context);
    return { context, leave, end: leave };
  }

  #begin(parent: TraceContext, name: string, rows: number): OpenSpan {
    const context = { trace: parent.trace, span: this.#digits(16) };
    const start = this.#time();
    const leave = this.#enter(context);
    const end = (error?: unknown): void => {
      leave();
      this.#options.emit({
        ...context,
        name,
        kind: 'internal',
        start,
        end: this.#time(),
        ...(parent.span === '' ? {} : { parent: parent.span }),
        attributes: { ...this.#attributes, 'cloudskin.rows': rows },
        ...(error === undefined ? {} : { error: messageOf(error) }),
      });
    };
    return { context, leave, end };
  }

  /** Gives back what leaves it again; a second call does nothing. */
  #enter(context: TraceContext): () => void {
    const outer = this.#current;
    let inside = true;
    this.#current = context;
    return () => {
      if (inside) this.#current = outer;
      inside = false;
    };
  }

  #settle(): void {
    this.#offset = this.#ports.now() - this.#ports.monotonic();
  }

  #time(): number {
    return this.#ports.monotonic() + this.#offset;
  }

  #digits(count: number): string {
    let digits = '';
    while (digits.length < count) {
      digits += Math.floor(this.#ports.random() * 0x100_0000)
        .toString(16)
        .padStart(6, '0');
    }
    const cut = digits.slice(0, count);
    return /[^0]/.test(cut) ? cut : `${cut.slice(1)}1`;
  }
}
