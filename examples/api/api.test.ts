/** The examples of the API, run as people run them. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const execute = promisify(execFile);

async function output(example: string): Promise<string> {
  const path = fileURLToPath(new URL(`./${example}.ts`, import.meta.url));
  const { stdout, stderr } = await execute(process.execPath, [path]);
  expect(stderr).toBe('');
  return stdout;
}

describe('the example', () => {
  it('outputs prints a line for each machine and window', async () => {
    const lines = (await output('outputs')).trimEnd().split('\n');
    expect(lines).toHaveLength(9);
    expect(lines[0]).toMatch(/^2024-01-01T00:00:00.000Z (press|saw): \d\d\.\d of \d+$/);
    expect(lines.at(-1)).toBe('1000 readings');
  });

  it('code-source tells good rows from bad', async () => {
    const lines = (await output('code-source')).trimEnd().split('\n').sort();
    expect(lines).toEqual([
      '4 rows in, 1 bad',
      'bad: chunk 2, row 2: column value is of type float64 and got text "broken"',
      'high: a 23.25',
      'high: b 21',
    ]);
  });

  it('task answers calls, and sheds what is more than may wait', async () => {
    const lines = (await output('task')).trimEnd().split('\n');
    expect(lines[0]).toBe('press: 71 of 2');
    const [, answered, shed] = /^(\d+) answered, (\d+) shed: task.overloaded$/.exec(lines[1] ?? '') ?? [];
    expect(Number(answered) + Number(shed)).toBe(20);
    expect(Number(shed)).toBeGreaterThan(0);
  });

  it('observe sees every row that the sink takes', async () => {
    const printed = await output('observe');
    const seen = /(\d+) large values seen/.exec(printed)?.[1];
    expect(Number(seen)).toBeGreaterThan(500);
    expect(printed).toContain(`counted took ${seen} rows`);
    expect(printed).toContain('ended after 10000 rows');
  });
});
