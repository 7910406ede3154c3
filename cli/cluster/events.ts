/** Follows the moves of an app, until the command is interrupted. */
import type { MoveEvent } from '../../engine/cluster/documents/move-event.ts';
import type { AppName } from '../../engine/cluster/documents/names.ts';
import { size } from '../output/figures.ts';
import type { Terminal } from '../output/terminal.ts';
import { onInterrupt } from '../signals.ts';
import { mustHaveApp, type NatsOptions, withCluster } from './connect.ts';
import { timeText } from './move-text.ts';

export async function followEvents(
  name: AppName,
  flags: NatsOptions,
  json: boolean,
  terminal: Terminal,
): Promise<void> {
  await withCluster(flags, async ({ client, nats }) => {
    await mustHaveApp(client, name.namespace, name.app);
    const over = Promise.withResolvers<void>();
    const ignore = onInterrupt(() => over.resolve(), over.resolve);
    const hearing = client.moves(name, (event) => void terminal.out(json ? `${JSON.stringify(event)}\n` : line(event)));
    const status = nats.onStatus((one) => one === 'closed' && over.resolve());
    terminal.readerGone.addEventListener('abort', () => over.resolve());
    try {
      await over.promise;
    } finally {
      hearing.close();
      status.close();
      ignore();
    }
  });
}

function line({ at, region, revision, phase, receipt, why }: MoveEvent): string {
  const time = new Date(at).toISOString().slice(11, 23);
  const told =
    receipt === undefined
      ? (why ?? '')
      : `${receipt.how}: pause ${timeText(receipt.pause)}, total ${timeText(receipt.total)}, ${size(receipt.bytes)}`;
  return `${time}  revision ${revision}  ${[region, phase, told].filter((part) => part !== '').join('  ')}\n`;
}
