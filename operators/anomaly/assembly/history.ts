/**
 * The largest of a key's last scores. It is kept in sixteenths: the oldest sixteenth is forgotten as a whole, so that the memory reaches
 * back 15/16 to 16/16 of `length` scores.
 *
 *   state   [ scores so far, up to length: i32 | scores in the newest sixteenth: i32 | 16 maxima, newest first: f64 ]
 */
const PARTS: i32 = 16;
const MAXIMA: usize = 8;

export class History {
  private state: usize = 0;

  /** `length` is a multiple of 16, or 0 for no history. */
  constructor(public length: i32) {}

  /** Bytes of a key's state. */
  get bytes(): usize {
    return this.length == 0 ? 0 : MAXIMA + <usize>PARTS * 8;
  }

  /** Works on the state at `state` from here on. */
  open(state: usize): void {
    this.state = state;
  }

  /** Address of the state, of `bytes` bytes. */
  get start(): usize {
    return this.state;
  }

  /** Goes on from a state of this or another length; without one the memory begins anew. */
  take(state: usize, length: i32): void {
    if (<usize>length != this.bytes || this.bytes == 0) return;
    memory.copy(this.state, state, this.bytes);
    store<i32>(this.state, min(this.count, this.length));
    store<i32>(this.state, min(load<i32>(this.state, 4), this.length / PARTS), 4);
  }

  reset(): void {
    memory.fill(this.state, 0, this.bytes);
  }

  /** Scores that the memory has seen, at most `length`. */
  get count(): i32 {
    return load<i32>(this.state);
  }

  /** The largest of them; 0 when there is none. */
  largest(): f64 {
    let largest: f64 = 0;
    for (let i = 0; i < PARTS; i++) largest = max(largest, load<f64>(this.state + ((<usize>i) << 3), MAXIMA));
    return largest;
  }

  add(score: f64): void {
    const state = this.state;
    let inPart = load<i32>(state, 4);
    if (inPart == this.length / PARTS) {
      memory.copy(state + MAXIMA + 8, state + MAXIMA, (PARTS - 1) << 3);
      store<f64>(state, 0, MAXIMA);
      inPart = 0;
    }
    store<f64>(state, max(score, load<f64>(state, MAXIMA)), MAXIMA);
    store<i32>(state, inPart + 1, 4);
    store<i32>(state, min(this.count + 1, this.length));
  }
}
