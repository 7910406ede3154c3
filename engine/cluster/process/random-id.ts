/** Names that nothing else has: of processes, and of what they remember. */

/** Twelve hexadecimal digits. */
export function randomId(random: () => number): string {
  const digits = (): string =>
    Math.floor(random() * 0x100_0000)
      .toString(16)
      .padStart(6, '0');
  return digits() + digits();
}
