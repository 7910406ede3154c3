/** Colours for terminals, by meaning rather than by escape code. */
import { createColors } from 'picocolors';

const colors = createColors(true);

export type Ink = 'red' | 'green' | 'yellow' | 'blue' | 'cyan' | 'dim' | 'bold';

export function paint(text: string, ink: Ink, enabled: boolean): string {
  return enabled ? colors[ink](text) : text;
}
