/** What the reply subject of a message that a consumer delivers says of its place in the stream. */

export interface Place {
  readonly consumer: string;
  readonly sequence: number;
  readonly delivered: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly pending: number;
}

/**
 * `$JS.ACK.<stream>.<consumer>.<times>.<sequence>.<delivered>.<nanoseconds>.<pending>`, with domain and account hash before the stream
 * in newer servers, and a token after everything.
 */
export function placeOf(reply: string): Place | undefined {
  const parts = reply.split('.');
  if (parts[0] !== '$JS' || parts[1] !== 'ACK' || parts.length < 9) return undefined;
  const at = parts.length === 9 ? 2 : 4;
  return {
    consumer: parts[at + 1] ?? '',
    sequence: Number(parts[at + 3]),
    delivered: Number(parts[at + 4]),
    time: Math.floor(Number(parts[at + 5]) / 1e6),
    pending: Number(parts[at + 6]),
  };
}
