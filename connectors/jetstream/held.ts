/** Messages held in a checkpoint, as one range of bytes: for each its length in four bytes, little-endian, then itself. */

export function packMessages(messages: readonly Uint8Array[]): Uint8Array {
  const size = messages.reduce((sum, message) => sum + 4 + message.length, 0);
  const packed = new Uint8Array(size);
  const view = new DataView(packed.buffer);
  let at = 0;
  for (const message of messages) {
    view.setUint32(at, message.length, true);
    packed.set(message, at + 4);
    at += 4 + message.length;
  }
  return packed;
}

/** Views of `packed`. Throws RangeError where it is not what `packMessages` made. */
export function unpackMessages(packed: Uint8Array): Uint8Array[] {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const messages: Uint8Array[] = [];
  for (let at = 0; at < packed.length; ) {
    const end = at + 4 + view.getUint32(at, true);
    if (end > packed.length) throw new RangeError('a message is cut off');
    messages.push(packed.subarray(at + 4, end));
    at = end;
  }
  return messages;
}
