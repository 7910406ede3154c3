/** Walks into a JSON document that comes in pieces, down to the array whose elements are the records. */
import { externalError, userError } from '../../../engine/errors.ts';
import type { LineWindow } from '../text/line-window.ts';
import { DepthTracker, NEED_MORE, skipSpace, stringEnd, valueEnd } from './structure.ts';

const LF = 10;
const OBJECT = 123;
const ARRAY = 91;
const QUOTE = 34;
const KEY_LIMIT = 65_536;

export class JsonCursor {
  readonly window: LineWindow;
  readonly name: string;

  constructor(window: LineWindow, name: string) {
    this.window = window;
    this.name = name;
  }

  /** The next byte that is no white space, not taken; -1 at the end. */
  async peek(): Promise<number> {
    for (;;) {
      const { window } = this;
      this.moveTo(skipSpace(window.bytes, window.start, window.end));
      if (window.start < window.end) return window.bytes[window.start] as number;
      if (!(await window.pull())) return -1;
    }
  }

  /** Moves the window's start there, counting lines. */
  moveTo(position: number): void {
    const { window } = this;
    for (let at = window.bytes.indexOf(LF, window.start); at < position; at = window.bytes.indexOf(LF, at + 1)) {
      window.line++;
    }
    window.start = position;
  }

  /** Takes the byte that `peek` would show, which must be `byte`. */
  async expect(byte: number, what: string): Promise<void> {
    const found = await this.peek();
    if (found === -1) throw this.endsEarly();
    if (found !== byte) throw this.malformed(`${what} is expected`);
    this.window.start++;
  }

  /** Takes an object's key and the colon behind it. */
  async key(): Promise<string> {
    if ((await this.peek()) !== QUOTE) throw this.malformed('a key in quotes is expected');
    for (;;) {
      const { window } = this;
      const end = stringEnd(window.bytes, window.start, window.end);
      if (end !== NEED_MORE) {
        const text = window.bytes.toString('utf8', window.start, end);
        this.moveTo(end);
        await this.expect(58, '":"');
        return parseKey(text) ?? text;
      }
      if (window.end - window.start > KEY_LIMIT) throw this.malformed('this key is too long');
      if (!(await window.pull())) throw this.endsEarly();
    }
  }

  /** Leaves a value of any size behind. */
  async skipValue(): Promise<void> {
    const first = await this.peek();
    const { window } = this;
    if (first === -1) throw this.endsEarly();
    if (first === QUOTE || first === OBJECT || first === ARRAY) {
      const tracker = new DepthTracker(first === QUOTE ? 0 : 1);
      if (first === QUOTE) tracker.enterString();
      window.start++;
      await this.skipWith(tracker);
      return;
    }
    for (;;) {
      const end = valueEnd(window.bytes, window.start, window.end, window.eof);
      if (end !== NEED_MORE) {
        if (end === window.start) throw this.malformed('a value is expected');
        this.moveTo(end);
        return;
      }
      if (window.end - window.start > KEY_LIMIT) throw this.malformed('this is no value');
      await window.pull();
    }
  }

  /** Takes everything until the tracker's containers are closed. */
  async skipWith(tracker: DepthTracker): Promise<void> {
    const { window } = this;
    for (;;) {
      this.moveTo(tracker.take(window.bytes, window.start, window.end));
      if (tracker.closed) return;
      if (!(await window.pull())) throw this.endsEarly();
    }
  }

  /** Goes to the array at `path`, and into it; how many containers are then open. Throws `json.no-records`. */
  async enterRecords(path: readonly string[]): Promise<number> {
    for (const segment of path) await this.#enterKey(segment, path);
    const first = await this.peek();
    if (first === -1) throw this.endsEarly();
    if (first !== ARRAY) throw this.#noArray(path, first);
    this.window.start++;
    return path.length + 1;
  }

  async #enterKey(segment: string, path: readonly string[]): Promise<void> {
    const seen: string[] = [];
    if ((await this.peek()) !== OBJECT) throw this.#noArray(path, await this.peek());
    this.window.start++;
    while ((await this.peek()) !== 125) {
      const key = await this.key();
      if (key === segment) return;
      if (seen.length < 20) seen.push(key);
      await this.skipValue();
      if ((await this.peek()) !== 125) await this.expect(44, '","');
    }
    throw userError(
      'json.no-records',
      `${this.name} has no "${segment}" on the way to \`records: ${path.join('.')}\``,
      {
        hint: `there are ${seen.map((key) => `"${key}"`).join(', ') || 'no keys'}`,
      },
    );
  }

  #noArray(path: readonly string[], first: number): Error {
    if (path.length > 0) {
      return userError('json.no-records', `${this.name}: what is at \`records: ${path.join('.')}\` is no array`);
    }
    const what = first === OBJECT ? 'an object' : 'no array';
    return userError('json.no-records', `${this.name} is ${what} at the top, where an array of records is expected`, {
      hint: 'set `records:` to the array inside (`cloudskin infer` finds it), or `format: ndjson` for one object a line',
    });
  }

  malformed(what: string): Error {
    return externalError('json.malformed', `${this.name}:${this.window.line} is no valid JSON: ${what}`);
  }

  endsEarly(): Error {
    return userError('source.corrupt', `${this.name} ends in the middle of the document, on line ${this.window.line}`, {
      hint: 'the file is truncated, or still being written',
    });
  }
}

function parseKey(text: string): string | undefined {
  try {
    return String(JSON.parse(text));
  } catch {
    return undefined;
  }
}
