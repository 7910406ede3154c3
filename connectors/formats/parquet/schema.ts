/** Our schemas as parquet's. */
import type { SchemaElement } from 'hyparquet';
import type { DataType, Field, Schema } from '../../../engine/batch/types.ts';
import { userError } from '../../../engine/errors.ts';

type Physical = Omit<SchemaElement, 'name' | 'repetition_type'>;

const DECIMAL = /^decimal(?:32|64|128|256)\((\d+), (\d+)\)$/;

/** Root and columns. Throws `format.unsupported-type` and `sink.duplicate-column`, naming the column. */
export function parquetSchemaOf(schema: Schema): SchemaElement[] {
  const names = new Set<string>();
  const columns = schema.fields.map((field): SchemaElement => {
    if (names.has(field.name)) {
      throw userError('sink.duplicate-column', `two columns are called ${field.name}, which parquet cannot hold`, {
        hint: 'rename one with `select`',
      });
    }
    names.add(field.name);
    const nullable = field.nullable || field.type.kind === 'null';
    return { name: field.name, repetition_type: nullable ? 'OPTIONAL' : 'REQUIRED', ...physical(field) };
  });
  return [{ name: 'schema', num_children: columns.length }, ...columns];
}

function physical({ name, type }: Field): Physical {
  switch (type.kind) {
    case 'null':
      return { type: 'INT32', logical_type: { type: 'NULL' } };
    case 'bool':
      return { type: 'BOOLEAN' };
    case 'int64':
    case 'duration':
      return { type: 'INT64' };
    case 'int32':
      return { type: 'INT32' };
    case 'float16':
      return { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 2, logical_type: { type: 'FLOAT16' } };
    case 'float32':
      return { type: 'FLOAT' };
    case 'float64':
      return { type: 'DOUBLE' };
    case 'utf8':
      return { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } };
    case 'binary':
      return { type: 'BYTE_ARRAY' };
    case 'date32':
      return { type: 'INT32', converted_type: 'DATE', logical_type: { type: 'DATE' } };
    case 'timestamp':
      return timestamp(type);
    case 'foreign':
      return foreign(name, type.text);
    default:
      return integer(type.kind);
  }
}

/** Seconds are written as milliseconds; parquet has no coarser unit. */
function timestamp(type: Extract<DataType, { kind: 'timestamp' }>): Physical {
  const unit = { s: 'MILLIS', ms: 'MILLIS', us: 'MICROS', ns: 'NANOS' } as const;
  return {
    type: 'INT64',
    logical_type: { type: 'TIMESTAMP', unit: unit[type.unit], isAdjustedToUTC: type.timezone !== undefined },
  };
}

function integer(kind: 'int8' | 'int16' | 'uint8' | 'uint16' | 'uint32' | 'uint64'): Physical {
  const isSigned = !kind.startsWith('u');
  const bitWidth = Number(/\d+/.exec(kind)?.[0]);
  return {
    type: bitWidth === 64 ? 'INT64' : 'INT32',
    // Without the logical type beside it: hyparquet-writer 0.17 writes its width as an int32, which DuckDB refuses.
    converted_type: `${isSigned ? '' : 'U'}INT_${bitWidth}` as 'INT_8',
  };
}

function foreign(name: string, text: string): Physical {
  const decimal = DECIMAL.exec(text);
  if (decimal !== null) {
    const precision = Number(decimal[1]);
    const scale = Number(decimal[2]);
    return {
      type: 'FIXED_LEN_BYTE_ARRAY',
      type_length: Math.ceil((precision * Math.log2(10) + 1) / 8),
      converted_type: 'DECIMAL',
      precision,
      scale,
      logical_type: { type: 'DECIMAL', precision, scale },
    };
  }
  const time = /^time(32|64)\[(ms|us|ns)\]$/.exec(text);
  if (time !== null) {
    const unit = ({ ms: 'MILLIS', us: 'MICROS', ns: 'NANOS' } as const)[time[2] as 'ms'];
    return { type: time[1] === '32' ? 'INT32' : 'INT64', logical_type: { type: 'TIME', isAdjustedToUTC: false, unit } };
  }
  throw userError('format.unsupported-type', `column ${name} is of type ${text}, which parquet cannot hold here`, {
    hint: 'leave it out with `select`, or write `format: arrow`',
  });
}
