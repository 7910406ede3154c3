/**
 * Who may import whom. A file belongs to the first room whose prefix it has; it may import its own room and those named.
 */
export interface Room {
  readonly name: string;
  readonly prefix: RegExp;
  readonly mayImport: readonly string[];
}

const BASE = ['errors'];
const DATA = [...BASE, 'batch'];
const LANGUAGE = [...DATA, 'expression'];
const GRAPH = [...LANGUAGE, 'graph'];
const COMPILE = [...GRAPH, 'compile'];
const CARRY = [...DATA, 'nats', 'transport', 'state'];
const CELL = [...COMPILE, 'state', 'cell'];
const ENGINE = [...CELL, ...CARRY, 'progress', 'metrics', 'runtime', 'task', 'cluster'];

export const rooms: readonly Room[] = [
  { name: 'native', prefix: /^native\//, mayImport: [] },
  { name: 'errors', prefix: /^engine\/(defined|errors|json|ports)\.ts$/, mayImport: [] },
  { name: 'batch', prefix: /^engine\/batch\//, mayImport: BASE },
  { name: 'expression', prefix: /^engine\/expression\//, mayImport: DATA },
  { name: 'graph', prefix: /^engine\/graph\//, mayImport: LANGUAGE },
  { name: 'compile', prefix: /^engine\/compile\//, mayImport: GRAPH },
  { name: 'progress', prefix: /^engine\/progress\//, mayImport: GRAPH },
  { name: 'metrics', prefix: /^engine\/metrics\//, mayImport: GRAPH },
  { name: 'cell', prefix: /^engine\/cell\//, mayImport: [...COMPILE, 'state'] },
  { name: 'nats', prefix: /^engine\/nats\//, mayImport: BASE },
  { name: 'transport', prefix: /^engine\/transport\//, mayImport: [...DATA, 'nats', 'state'] },
  { name: 'state', prefix: /^engine\/state\//, mayImport: [...DATA, 'nats'] },
  { name: 'runtime', prefix: /^engine\/runtime\//, mayImport: [...CELL, ...CARRY, 'progress', 'metrics'] },
  { name: 'task', prefix: /^engine\/task\//, mayImport: [...CELL, 'nats', 'metrics', 'runtime'] },
  {
    name: 'cluster',
    prefix: /^engine\/cluster\//,
    mayImport: [...CELL, ...CARRY, 'progress', 'metrics', 'runtime', 'task'],
  },
  { name: 'operators', prefix: /^operators\//, mayImport: [] },
  { name: 'connectors', prefix: /^connectors\//, mayImport: ENGINE },
  { name: 'planner', prefix: /^planner\//, mayImport: ['errors', 'graph', 'metrics'] },
  { name: 'dashboard', prefix: /^dashboard\//, mayImport: ENGINE },
  { name: 'api', prefix: /^index\.ts$/, mayImport: [...ENGINE, 'connectors'] },
  { name: 'cli', prefix: /^cli\//, mayImport: [...ENGINE, 'connectors', 'planner', 'dashboard', 'api'] },
  { name: 'examples', prefix: /^examples\//, mayImport: ['api'] },
  { name: 'bench', prefix: /^bench\//, mayImport: [...ENGINE, 'connectors', 'api', 'cli', 'testkit'] },
  { name: 'tools', prefix: /^tools\//, mayImport: ENGINE },
  {
    name: 'testkit',
    prefix: /^test\//,
    mayImport: [...ENGINE, 'connectors', 'planner', 'api', 'cli', 'examples', 'bench', 'tools'],
  },
];

export function roomOf(path: string): Room | undefined {
  return rooms.find((room) => room.prefix.test(path));
}
