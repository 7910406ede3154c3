import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { ManualPorts } from '../test/kit/manual-ports.ts';
import { onInterrupt } from './signals.ts';

function listening(): { said: string[]; send: (name: NodeJS.Signals) => void; ports: ManualPorts; off: () => void } {
  const source = new EventEmitter();
  const ports = new ManualPorts();
  const said: string[] = [];
  const ask = (name: NodeJS.Signals) => void said.push(`asked by ${name}`);
  const insist = () => void said.push('insisted');
  const off = onInterrupt(ask, insist, ports, source);
  return { said, ports, off, send: (name) => void source.emit(name, name) };
}

test('a signal that comes twice at once, as from timeout or npm, is one', () => {
  const { said, send } = listening();
  send('SIGTERM');
  send('SIGTERM');
  expect(said).toEqual(['asked by SIGTERM']);
});

test('another one later insists, and none is heard when nobody listens any more', async () => {
  const { said, send, ports, off } = listening();
  send('SIGINT');
  await ports.advance(1_000);
  send('SIGTERM');
  off();
  send('SIGINT');
  expect(said).toEqual(['asked by SIGINT', 'insisted']);
});
