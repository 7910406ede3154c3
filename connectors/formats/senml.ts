/**
 * SenML (RFC 8428), JSON form: a pack is an array of records, base values of one holding for it and those after it. Records are resolved
 * (section 4.6) and become rows with the columns name, unit, time, value, string, bool, data, sum, updateTime; the way back writes
 * columns of those names, and nothing else.
 */
import type { Schema } from '../../engine/batch/types.ts';
import { userError } from '../../engine/errors.ts';

/** Times below are seconds before or after now (section 4.5.3). */
const RELATIVE = 2 ** 28;
const VERSION = 10;

interface SenmlRecord {
  readonly bn?: string;
  readonly bt?: number;
  readonly bu?: string;
  readonly bv?: number;
  readonly bs?: number;
  readonly bver?: number;
  readonly n?: string;
  readonly u?: string;
  readonly t?: number;
  readonly ut?: number;
  readonly v?: number;
  readonly vs?: string;
  readonly vb?: boolean;
  readonly vd?: string;
  readonly s?: number;
}

const TYPES: Readonly<Record<string, string>> = {
  bn: 'string',
  bt: 'number',
  bu: 'string',
  bv: 'number',
  bs: 'number',
  bver: 'number',
  n: 'string',
  u: 'string',
  t: 'number',
  ut: 'number',
  v: 'number',
  vs: 'string',
  vb: 'boolean',
  vd: 'string',
  s: 'number',
};

/** Column -> label, in the order in which records are written. */
const SENML_COLUMNS: ReadonlyMap<string, string> = new Map([
  ['name', 'n'],
  ['unit', 'u'],
  ['time', 't'],
  ['value', 'v'],
  ['string', 'vs'],
  ['bool', 'vb'],
  ['data', 'vd'],
  ['sum', 's'],
  ['updateTime', 'ut'],
]);

/** The rows of a pack, each the text of a JSON object; `now` in milliseconds. Throws `senml.malformed`. */
export function senmlRows(text: string, now: number): readonly string[] {
  let pack: unknown;
  try {
    pack = JSON.parse(text);
  } catch {
    throw malformed('the message is no valid JSON');
  }
  if (!Array.isArray(pack)) throw malformed('a pack is an array of records');
  let base: SenmlRecord = {};
  const rows: string[] = [];
  for (const [index, record] of pack.entries()) {
    const checked = check(record, index);
    base = { ...base, ...baseOf(checked) };
    if ((base.bver ?? VERSION) > VERSION) throw malformed(`record ${index + 1} is of version ${base.bver}`);
    const row = resolve(base, checked, index, now);
    if (row !== undefined) rows.push(row);
  }
  return rows;
}

function check(record: unknown, index: number): SenmlRecord {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) {
    throw malformed(`record ${index + 1} is no object`);
  }
  for (const [label, value] of Object.entries(record)) {
    const type = TYPES[label];
    // what ends in "_" must be understood, everything else unknown is to be left alone (section 4.4)
    if (type === undefined && label.endsWith('_'))
      throw malformed(`record ${index + 1} needs ${label} to be understood`);
    if (type !== undefined && typeof value !== type) throw malformed(`${label} of record ${index + 1} is no ${type}`);
  }
  return record;
}

function baseOf({ bn, bt, bu, bv, bs, bver }: SenmlRecord): SenmlRecord {
  return Object.fromEntries(Object.entries({ bn, bt, bu, bv, bs, bver }).filter(([, value]) => value !== undefined));
}

/** Undefined for a record of base values alone. */
function resolve(base: SenmlRecord, record: SenmlRecord, index: number, now: number): string | undefined {
  const { vs, vb, vd, ut } = record;
  const value = record.v !== undefined ? record.v + (base.bv ?? 0) : undefined;
  const sum = record.s !== undefined ? record.s + (base.bs ?? 0) : undefined;
  const values = [record.v, vs, vb, vd].filter((given) => given !== undefined).length;
  if (values === 0 && sum === undefined) return undefined;
  if (values > 1) throw malformed(`record ${index + 1} has ${values} values`);
  const name = `${base.bn ?? ''}${record.n ?? ''}`;
  if (!/^[A-Za-z0-9][-A-Za-z0-9:./_]*$/.test(name)) {
    throw malformed(`record ${index + 1} has ${name === '' ? 'no name' : `the name ${JSON.stringify(name)}`}`);
  }
  const seconds = (record.t ?? 0) + (base.bt ?? 0);
  const time = instant(seconds < RELATIVE ? now / 1000 + seconds : seconds, index);
  const data = vd === undefined ? undefined : Buffer.from(vd, 'base64url').toString('base64');
  const unit = record.u ?? base.bu;
  return JSON.stringify({ name, unit, time, value, string: vs, bool: vb, data, sum, updateTime: ut });
}

/** In ISO 8601 with microseconds, which any unit of a timestamp column reads. */
function instant(seconds: number, index: number): string {
  const microseconds = Math.round(seconds * 1e6);
  const whole = Math.floor(microseconds / 1e6);
  const date = new Date(whole * 1000);
  if (Number.isNaN(date.getTime())) throw malformed(`record ${index + 1} has a time that no calendar has`);
  return date.toISOString().replace('.000Z', `.${String(microseconds - whole * 1e6).padStart(6, '0')}Z`);
}

/** Throws `senml.columns` where a schema has columns that records have no place for, or no name. */
export function senmlSchema(schema: Schema): void {
  const names = schema.fields.map((field) => field.name);
  const strange = names.filter((name) => !SENML_COLUMNS.has(name));
  if (strange.length === 0 && names.includes('name')) return;
  const what = strange.length > 0 ? `no place for ${strange.join(', ')}` : 'to have a name';
  throw userError('senml.columns', `a SenML record has ${what}`, {
    hint: `select columns of these names: ${[...SENML_COLUMNS.keys()].join(', ')}`,
  });
}

/** The record of a row, both as the text of a JSON object. */
export function senmlRecord(row: string): string {
  const values: Readonly<Record<string, unknown>> = JSON.parse(row);
  const record: Record<string, unknown> = {};
  for (const [column, label] of SENML_COLUMNS) {
    const value = values[column];
    if (value === null || value === undefined) continue;
    if (label === 't') record.t = secondsOf(value);
    else if (label === 'vd') record.vd = Buffer.from(String(value), 'base64').toString('base64url');
    else record[label] = value;
  }
  return JSON.stringify(record);
}

/** Seconds since the epoch, with the microseconds that a float holds. */
function secondsOf(time: unknown): unknown {
  if (typeof time !== 'string') return time;
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? '0';
  return Math.floor(Date.parse(time) / 1000) + Number(`0.${fraction}`);
}

function malformed(what: string): Error {
  return userError('senml.malformed', `no SenML pack: ${what}`);
}
