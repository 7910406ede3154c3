/** Runs a program to its end and says how long it took and how much memory it held at most. */
import { spawn } from 'node:child_process';

/** Loaded in front of the program: writes its peak memory, in KiB, to descriptor 3 when it exits. */
const REPORT = `data:text/javascript,${encodeURIComponent(
  "import { writeSync } from 'node:fs'; process.on('exit', () => writeSync(3, String(process.resourceUsage().maxRSS)));",
)}`;

export interface Child {
  /** From spawn to exit. */
  readonly seconds: number;
  readonly peakBytes: number;
}

export function runChild(args: readonly string[]): Promise<Child> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(process.execPath, ['--import', REPORT, ...args], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    let errors = '';
    let peak = '';
    child.stderr?.on('data', (bytes: Buffer) => {
      errors += bytes;
    });
    child.stdio[3]?.on('data', (bytes: Buffer) => {
      peak += bytes;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve({ seconds: (performance.now() - start) / 1000, peakBytes: Number(peak) * 1024 });
      else reject(new Error(`${args[0]} ended with ${code}: ${errors}`));
    });
  });
}
