/** Gathers what agents keep of their logs, in the order of time. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { LogRecord } from '../../engine/cluster/process/log.ts';
import { defined } from '../../engine/defined.ts';
import { harmless, userError } from '../../engine/errors.ts';
import { paint } from '../output/paint.ts';
import type { Terminal } from '../output/terminal.ts';
import { mustHaveApp, type NatsOptions, withCluster } from './connect.ts';

export interface LogsFlags extends NatsOptions {
  readonly namespace: string;
  readonly fragment?: string;
  readonly follow?: boolean;
  readonly lines: string;
  readonly json?: boolean;
}

/** Milliseconds. */
const ANSWER = 2_000;
const FOLLOW = 500;

interface Line extends LogRecord {
  readonly site: string;
  readonly agent: string;
}

export async function showLogs(app: string | undefined, flags: LogsFlags, terminal: Terminal): Promise<void> {
  const limit = Number(flags.lines);
  if (!Number.isInteger(limit) || limit < 1)
    throw userError('cli.bad-lines', `--lines ${flags.lines}: expected a number from 1 on`);
  await withCluster(flags, async ({ client }) => {
    if (app !== undefined) await mustHaveApp(client, flags.namespace, app);
    const wanted = {
      ...(app === undefined ? {} : { app, namespace: flags.namespace }),
      ...defined({ fragment: flags.fragment }),
    };
    const seen = new Map<string, number>();
    const gather = async (): Promise<Line[]> => {
      const agents = await client.ask(300);
      const answers = await Promise.all(
        agents.map(async ({ site, agent, incarnation }) => {
          const key = `${site}/${agent}/${incarnation}`;
          const after = seen.get(key) ?? 0;
          const records = await client.logs({ site, agent }, { ...wanted, after, limit }, ANSWER);
          seen.set(key, records.at(-1)?.sequence ?? after);
          return records.map((record) => ({ ...record, site, agent }));
        }),
      );
      return answers.flat().sort((a, b) => a.time - b.time);
    };
    await print((await gather()).slice(-limit), flags, terminal);
    while (flags.follow === true && !terminal.readerGone.aborted) {
      await sleep(FOLLOW);
      await print(await gather(), flags, terminal);
    }
  });
}

async function print(lines: readonly Line[], { json }: LogsFlags, terminal: Terminal): Promise<void> {
  const text = lines.map((line) => (json === true ? JSON.stringify(line) : textOf(line, terminal.outColor)));
  if (text.length > 0) await terminal.out(`${text.join('\n')}\n`);
}

function textOf(line: Line, color: boolean): string {
  const { time, level, message, site, agent, app, fragment, operator, epoch } = line;
  const where = [`${site}/${agent}`, app, fragment ?? line.region, operator].filter((part) => part !== undefined);
  const at = epoch === undefined || epoch === 0 ? '' : paint(` (epoch ${epoch})`, 'dim', color);
  const mark = { debug: 'dim', info: 'green', warn: 'yellow', error: 'red' } as const;
  return `${new Date(time).toISOString()} ${paint(level.padEnd(5), mark[level], color)} ${where.join(' ')}: ${harmless(message)}${at}`;
}
