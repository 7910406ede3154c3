/** What sources and sinks have to tell, said as operators say what they log: where one can be reached, and what one goes on trying. */
import type { LogEntry } from '../../engine/cell/component.ts';
import type { RuntimeOptions } from '../../engine/runtime/options.ts';

export function connectorsSaid(onLog: (entry: LogEntry) => void): Pick<RuntimeOptions, 'listening' | 'trouble'> {
  return {
    listening: (operator, address) => onLog({ operator, level: 'info', message: `listens on ${address}` }),
    trouble: (operator, message, isOver) => onLog({ operator, level: isOver ? 'info' : 'warn', message }),
  };
}
