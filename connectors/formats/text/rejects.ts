/** Bad rows of text formats: position and raw text, made only when a row is bad. */
const RAW_LIMIT = 1024;

/** At most 1 KiB of a record, without its line end; bytes that are no UTF-8 show as U+FFFD. */
export function rawText(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, Math.min(end, start + RAW_LIMIT)).replace(/\r?\n$/, '');
  return text;
}

/** A value in a message: short, on one line. */
export function quoteValue(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);
}
