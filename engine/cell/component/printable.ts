/** Text of a guest or a damaged file as it may stand in a message: no control characters, so that it cannot steer a terminal. */

const LONGEST = 2000;

/** One line of at most 2,000 characters. */
export function printable(text: string): string {
  const line = text.replace(/\p{Cc}+/gu, ' ').trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
}
