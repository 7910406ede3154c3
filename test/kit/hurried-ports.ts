/** The machine's ports with time that runs faster, for what only waits: heartbeats, pauses, patience. */
import { type Ports, realPorts } from '../../engine/ports.ts';

export function hurriedPorts(times: number): Ports {
  return {
    ...realPorts,
    monotonic: () => realPorts.monotonic() * times,
    after: (milliseconds, task) => realPorts.after(milliseconds / times, task),
  };
}
