/** SIGINT and SIGTERM: the first one asks, another one insists. */
import { type Ports, realPorts } from '../engine/ports.ts';

/**
 * Milliseconds in which signals are one: `timeout`, npm and shells send what they get to a process and to its group as well, so that it comes
 * twice, and nobody has insisted on anything.
 */
const AT_ONCE = 300;

/** Where signals come from: `process`. */
interface SignalSource {
  on(name: NodeJS.Signals, listener: (name: NodeJS.Signals) => void): unknown;
  off(name: NodeJS.Signals, listener: (name: NodeJS.Signals) => void): unknown;
}

/** Listens until the function that it returns is called. */
export function onInterrupt(
  ask: (name: NodeJS.Signals) => void,
  insist: () => void,
  ports: Ports = realPorts,
  source: SignalSource = process,
): () => void {
  let asked: number | undefined;
  const interrupt = (name: NodeJS.Signals): void => {
    const now = ports.monotonic();
    if (asked === undefined) {
      asked = now;
      ask(name);
    } else if (now - asked > AT_ONCE) insist();
  };
  source.on('SIGINT', interrupt);
  source.on('SIGTERM', interrupt);
  return () => {
    source.off('SIGINT', interrupt);
    source.off('SIGTERM', interrupt);
  };
}
