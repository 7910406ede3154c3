/** Where a source that takes connections can be reached, said as operators say what they log. */
import type { LogEntry } from '../engine/cell/component.ts';

export function listeningSaid(onLog: (entry: LogEntry) => void): (source: string, address: string) => void {
  return (operator, address) => onLog({ operator, level: 'info', message: `listens on ${address}` });
}
