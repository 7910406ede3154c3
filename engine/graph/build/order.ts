/** Puts operators in an order in which each comes after what it reads, and finds cycles. */

/** Cycles that are reported of one graph. */
const MAX_CYCLES = 20;

export interface Order {
  /** Operators that are in no cycle and behind none. */
  readonly sorted: readonly string[];
  /** Each once, along the flow of data, from its first member in the file. */
  readonly cycles: readonly (readonly string[])[];
}

/** `inputs`: for every operator, in the file's order, the operators it reads; sources left out. */
export function orderOperators(inputs: ReadonlyMap<string, readonly string[]>): Order {
  const readers = new Map<string, string[]>([...inputs.keys()].map((name) => [name, []]));
  const open = new Map<string, number>();
  for (const [name, reads] of inputs) {
    open.set(name, reads.length);
    for (const read of reads) readers.get(read)?.push(name);
  }
  const sorted = [...inputs.keys()].filter((name) => open.get(name) === 0);
  for (let at = 0; at < sorted.length; at += 1) {
    for (const reader of readers.get(sorted[at] ?? '') ?? []) {
      const left = (open.get(reader) ?? 0) - 1;
      open.set(reader, left);
      if (left === 0) sorted.push(reader);
    }
  }
  return { sorted, cycles: findCycles(inputs, readers, new Set(sorted)) };
}

function findCycles(
  inputs: ReadonlyMap<string, readonly string[]>,
  readers: ReadonlyMap<string, readonly string[]>,
  done: ReadonlySet<string>,
): string[][] {
  const cycles: string[][] = [];
  const covered = new Set<string>(done);
  let tries = 0;
  for (const name of inputs.keys()) {
    if (covered.has(name)) continue;
    if (cycles.length === MAX_CYCLES || tries === 10 * MAX_CYCLES) break;
    tries += 1;
    const cycle = shortestCycle(name, readers);
    if (cycle === undefined) continue;
    cycles.push(cycle);
    for (const member of cycle) covered.add(member);
  }
  return cycles;
}

/** Breadth first along the flow, from `start` back to it. */
function shortestCycle(start: string, readers: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (let at = 0; at < queue.length; at += 1) {
    const name = queue[at] ?? '';
    for (const reader of readers.get(name) ?? []) {
      if (reader === start) return trace(name, start, cameFrom);
      if (cameFrom.has(reader)) continue;
      cameFrom.set(reader, name);
      queue.push(reader);
    }
  }
  return undefined;
}

function trace(last: string, start: string, cameFrom: ReadonlyMap<string, string>): string[] {
  const path = [last];
  for (let at = last; at !== start; ) {
    at = cameFrom.get(at) ?? start;
    path.unshift(at);
  }
  return path;
}
