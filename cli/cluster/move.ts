/** `move` and `scale`: a cell is to be elsewhere, or in another number of partitions; asked for, waited for, and told what it came to. */
import { AwaitedMove } from '../../engine/cluster/await-move.ts';
import type { ClusterClient } from '../../engine/cluster/client.ts';
import { type MoveRequest, outstanding } from '../../engine/cluster/coordinator/try-moving.ts';
import type { AppDocument } from '../../engine/cluster/documents/app.ts';
import type { MovePhase } from '../../engine/cluster/documents/move-event.ts';
import { defined } from '../../engine/defined.ts';
import { userError } from '../../engine/errors.ts';
import { didYouMean } from '../../engine/graph/suggest.ts';
import { realPorts } from '../../engine/ports.ts';
import { milliseconds } from '../output/durations.ts';
import { Progress } from '../output/progress.ts';
import type { Terminal } from '../output/terminal.ts';
import { awaitApp } from './await-app.ts';
import { type NatsOptions, withCluster } from './connect.ts';
import { type FoundCell, findCell } from './find-cell.ts';
import { type MoveResult, moveJson, moveText, sameJson, sameText } from './move-text.ts';
import { type AppOverview, type Overview, overviewOf } from './overview.ts';
import { mustKnow } from './sites.ts';

export interface MoveFlags extends NatsOptions {
  readonly app?: string;
  readonly namespace?: string;
  readonly pauseBudget?: string;
  readonly dryRun?: boolean;
  readonly timeout: string;
  readonly json?: boolean;
}

const PHASES: Readonly<Record<MovePhase, string>> = {
  asked: 'asked for',
  prepare: 'its new place is prepared',
  cut: 'rows are held up',
  commit: 'its new place counts',
  switch: 'rows flow in the new place',
  done: 'done',
  failed: 'it did not come about, or is done by a restart',
};

type Wish = Pick<MoveRequest, 'site' | 'agent' | 'partitions'>;

/** `to`: `hub` or `hub/hub-1`. Throws `move.…`, `cluster.no-site`, and what of the graph stands in the way. */
export async function moveCell(cell: string, to: string, flags: MoveFlags, terminal: Terminal): Promise<void> {
  const [site = '', agent] = to.split('/');
  await change(cell, { site, ...defined({ agent }) }, flags, terminal);
}

/** Throws `scale.…` and what `moveCell` throws. */
export async function scaleCell(cell: string, partitions: number, flags: MoveFlags, terminal: Terminal): Promise<void> {
  await change(cell, { partitions }, flags, terminal);
}

async function change(cell: string, wish: Wish, flags: MoveFlags, terminal: Terminal): Promise<void> {
  const timeout = milliseconds('--timeout', flags.timeout);
  const pauseBudget = flags.pauseBudget === undefined ? undefined : milliseconds('--pause-budget', flags.pauseBudget);
  const json = flags.json === true;
  const progress = new Progress(terminal, json);
  try {
    await withCluster(flags, async ({ client }) => {
      const overview = await overviewOf(client);
      if (wish.site !== undefined) mustKnowPlace(overview, wish.site, wish.agent);
      const found = await findCell(client, overview, cell, flags);
      const whole = { ...wish, entries: found.entries, ...defined({ pauseBudget }) };
      const request = outstanding(whole, found.assignment.nodes);
      if (request.entries.length === 0) {
        return terminal.out(json ? sameJson(found) : sameText(cell, found, wish));
      }
      const foreseen = await client.foresee(found.name, request);
      if (flags.dryRun === true) {
        const { predict } = await import('./predict-move.ts');
        return terminal.out(await predict(client, found, foreseen, { pauseBudget, json }));
      }
      progress.step(`asking for ${cell} to be ${wish.site === undefined ? 'rescaled' : 'moved'}`);
      const document = await client.move(found.name, request);
      const result = { found, foreseen, document, after: await untilMoved(client, document, found, progress, timeout) };
      progress.end();
      await tell(result, pauseBudget, json, terminal);
    });
  } finally {
    progress.end();
  }
}

async function tell(
  result: MoveResult,
  pauseBudget: number | undefined,
  json: boolean,
  terminal: Terminal,
): Promise<void> {
  const { moved, receipts } = moveJson(result);
  if (json) return terminal.out(`${JSON.stringify(moveJson(result))}\n`);
  await terminal.out(moveText(result, terminal.outWidth));
  const pause = Math.max(0, ...receipts.map((receipt) => receipt.pause));
  if (moved.length > 0 && pauseBudget !== undefined && pause > pauseBudget) {
    terminal.err(`note: rows were held up for ${Math.round(pause)} ms, longer than the budget of ${pauseBudget} ms\n`);
  }
}

function mustKnowPlace(overview: Overview, site: string, agent: string | undefined): void {
  mustKnow(overview, site);
  if (agent === undefined) return;
  const agents = overview.agents.filter((one) => one.site === site).map((one) => one.agent);
  if (agents.includes(agent)) return;
  throw userError('cluster.no-agent', `there is no agent '${agent}' at site ${site}`, {
    ...defined({ hint: didYouMean(agent, agents) }),
  });
}

/** Resolves when every region that it concerns has come to rest where it is to be; tells the phases that it goes through. */
async function untilMoved(
  client: ClusterClient,
  document: AppDocument,
  { assignment, name }: FoundCell,
  progress: Progress,
  timeout: number,
): Promise<AppOverview> {
  const move = new AwaitedMove(document, assignment, realPorts);
  let phase = '';
  const events = client.moves(name, (event) => {
    phase = `${PHASES[event.phase]}${event.region === '' ? '' : ` (region ${event.region})`}`;
    progress.step(phase);
  });
  try {
    return await awaitApp(client, document, {
      progress: { step: (text) => progress.step(phase === '' ? text : phase) },
      timeout,
      done: (region, overview) => move.isDone(region, overview.assignment),
      change: { doing: 'moving cells of', late: 'move.not-done' },
    });
  } finally {
    events.close();
  }
}
