/** The part that all readers of text formats share: bytes in, whole records taken, batches cut by rows, bytes and silence. */
import { type Batch, MAX_BATCH_BYTES, MAX_BATCH_ROWS } from '../../../engine/batch/batch.ts';
import { BatchBuilder } from '../../../engine/batch/builder.ts';
import { externalError } from '../../../engine/errors.ts';
import type { Json } from '../../../engine/json.ts';
import type { FormatReader, Input, ReadRequest } from '../format.ts';
import { beginText } from './begin.ts';
import { LineWindow } from './line-window.ts';
import { rawText } from './rejects.ts';

const COUNT_EVERY = 8192;
/** Rejected rows that may gather before they are handed over. */
const GATHER = 1024;

/** What the records of a format look like. */
export interface RecordParser {
  /** Whether records end where lines end. */
  readonly byLines: boolean;
  /** Whether reading can begin at any record; absent: a record means something only after those before it. */
  readonly resumable?: true;
  /** Reads up to the first record, once, with the window behind a byte order mark; false where there is none. */
  begin(reader: TextReader): Promise<boolean>;
  /**
   * Takes whole records out of the window until `reader.full` (then true) or until more bytes are needed (false). At the end of
   * the input (`window.eof`) it takes or reports what is left.
   */
  drain(reader: TextReader): boolean;
}

interface TextPosition {
  readonly offset: number;
  readonly line: number;
  /** Within a line that is to be left behind. */
  readonly skipping: boolean;
}

export class TextReader implements FormatReader {
  readonly input: Input;
  readonly request: ReadRequest;
  readonly window: LineWindow;
  readonly builder: BatchBuilder;
  readonly #parser: RecordParser;
  /** Positions in the window between which the batch's bytes are not counted again. */
  #countFrom = 0;
  #countAt = 0;
  /** Rows rejected since a batch was handed over last. */
  #rejected = 0;
  #state: 'new' | 'reading' | 'ended' = 'new';
  readonly position?: () => Json;

  constructor(input: Input, request: ReadRequest, parser: RecordParser) {
    this.input = input;
    this.request = request;
    this.window = new LineWindow(input.stream(), parser.byLines);
    this.builder = new BatchBuilder(request.schema);
    this.#parser = parser;
    if (parser.resumable) this.position = () => this.#position();
  }

  /**
   * Whether the rows so far make a batch, or so many were bad that they are handed on, though with none; to be asked after every record. Bytes
   * are counted once in 8 KiB of input.
   */
  get full(): boolean {
    const { builder, window } = this;
    if (builder.rows >= MAX_BATCH_ROWS || this.#rejected >= GATHER) return true;
    if (window.start < this.#countAt && window.start >= this.#countFrom) return false;
    this.#countFrom = window.start;
    this.#countAt = window.start + COUNT_EVERY;
    return builder.bytes >= MAX_BATCH_BYTES;
  }

  async next(): Promise<Batch | undefined> {
    const { window, builder } = this;
    if (this.#state === 'new') await this.#begin();
    while (this.#state === 'reading') {
      if (this.#parser.drain(this)) return this.#batch();
      if (window.eof) {
        this.#state = 'ended';
        return builder.rows > 0 ? this.#batch() : undefined;
      }
      const rejected = this.request.rejected?.() ?? 0;
      const waits = this.input.live && (builder.rows > 0 || rejected > 0);
      const more = await (waits ? window.pullSoon() : window.pull());
      if (more === 'quiet') return this.#batch();
      if (this.request.signal.aborted) return undefined;
      window.validate();
    }
    return undefined;
  }

  #batch(): Batch {
    this.#rejected = 0;
    return this.builder.finish();
  }

  async #begin(): Promise<void> {
    const { window } = this;
    const found = (await beginText(window, this.input.name)) && (await this.#parser.begin(this));
    if (found && this.request.from !== undefined) await this.#goOn(this.request.from as unknown as TextPosition);
    window.validate();
    this.#state = found && !this.request.signal.aborted ? 'reading' : 'ended';
  }

  #position(): Json {
    const { offset, line, skipping } = this.window;
    return { offset, line, skipping };
  }

  async #goOn({ offset, line, skipping }: TextPosition): Promise<void> {
    const { window, input } = this;
    if (!(await window.moveTo(offset, input.streamFrom?.bind(input)))) {
      throw externalError('source.changed', `${input.name} ends before byte ${offset}, up to which it was read before`);
    }
    window.line = line;
    if (skipping) window.skipLine();
  }

  /** Reports the bytes from `start` to `end` of the window as a record that cannot be read. */
  reject(code: string, message: string, line: number, start: number, end: number): void {
    this.#rejected += 1;
    const raw = rawText(this.window.bytes, start, end);
    this.request.reject({ code, message, position: `${this.input.name}:${line}`, raw });
  }

  async close(): Promise<void> {
    await this.window.close();
  }
}

export function tooLong(maxRowBytes: number): string {
  return `the record is longer than ${maxRowBytes} bytes (\`maxRowBytes\`)`;
}
