/** Who gets a lock: one of all, whoever crashed before. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { takeLock } from './lock.ts';
import { ownMark, type ProcessMark, startOf } from './process-mark.ts';

const refuse = ({ pid }: ProcessMark): Error => new Error(`process ${pid} has it`);

describe('a lock', () => {
  let directory: string;
  let path: string;
  const children: ChildProcessWithoutNullStreams[] = [];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'lock-'));
    path = join(directory, 'lock');
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  });

  /** Another process that tries; says `has it` or `refused` and waits until it is killed. */
  async function other(): Promise<{ readonly said: string; readonly pid: number }> {
    const code = `
      const { takeLock } = await import(${JSON.stringify(new URL('lock.ts', import.meta.url).href)});
      try {
        takeLock(${JSON.stringify(path)}, () => new Error('refused'));
        process.stdout.write('has it');
      } catch (error) {
        process.stdout.write(error.message);
      }
      process.stdin.resume();`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code]);
    children.push(child);
    const [said] = await Promise.race([
      new Promise<[string]>((resolve) => child.stdout.once('data', (data) => resolve([String(data)]))),
      new Promise<never>((_, reject) => child.once('exit', () => reject(new Error(`${child.stderr.read()}`)))),
    ]);
    return { said, pid: child.pid ?? 0 };
  }

  it("is one living process's, until that lets it go or is gone", async () => {
    const { said, pid } = await other();
    expect(said).toBe('has it');
    expect(() => takeLock(path, refuse)).toThrow(`process ${pid} has it`);
    const [child] = children;
    const gone = new Promise((resolve) => child?.once('exit', resolve));
    child?.kill('SIGKILL');
    await gone;
    const lock = takeLock(path, refuse);
    expect((await other()).said).toBe('refused');
    lock.release();
    expect((await other()).said).toBe('has it');
    // it is another's now
    lock.release();
    expect(readdirSync(directory)).toEqual(['lock']);
  });

  it.each([
    ['whose number somebody else has now', JSON.stringify({ pid: process.ppid, started: 'long ago' })],
    ['whose number this process has now', JSON.stringify({ pid: process.pid, started: 'long ago' })],
    ['that is gone', JSON.stringify({ pid: 2 ** 22 + 1, started: '1' })],
    ['of a version that wrote its number alone', String(process.ppid)],
    ['that was cut off as it wrote', '{"pid":'],
    ['that wrote nothing', ''],
  ])('is not locked by a process %s', (_, left) => {
    writeFileSync(path, left);
    const { release } = takeLock(path, refuse);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(ownMark());
    release();
    expect(readdirSync(directory)).toEqual([]);
  });

  it('goes to one of many that find it left over', async () => {
    writeFileSync(path, JSON.stringify({ pid: process.ppid, started: `${startOf(process.ppid)}0` }));
    const all = await Promise.all(Array.from({ length: 6 }, other));
    expect(all.filter(({ said }) => said === 'has it')).toHaveLength(1);
  });
});
