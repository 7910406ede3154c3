/** How Arrow's types lie in WebAssembly values and in memory. */
import { byteWidth, type DataType, isVariable, UNITS_PER_SECOND } from '../../batch/types.ts';
import { userError } from '../../errors.ts';
import type { ValueType } from '../emit/function.ts';

/** The values that stand for one of the type: utf8 and binary are an address and a length. */
export function wasmTypes(type: DataType): readonly ValueType[] {
  switch (type.kind) {
    case 'int64':
    case 'uint64':
    case 'uint32':
    case 'timestamp':
    case 'duration':
      return ['i64'];
    case 'float32':
      return ['f32'];
    case 'float64':
      return ['f64'];
    case 'utf8':
    case 'binary':
      return ['i32', 'i32'];
    case 'bool':
    case 'int8':
    case 'int16':
    case 'int32':
    case 'uint8':
    case 'uint16':
    case 'date32':
      return ['i32'];
    default:
      throw userError('cell.type', `a compiled cell cannot compute with a column of type ${type.kind}`);
  }
}

/** The type that a column of this type has in expressions. */
export function widened(type: DataType): DataType {
  switch (type.kind) {
    case 'int8':
    case 'int16':
    case 'uint8':
    case 'uint16':
      return { kind: 'int32' };
    case 'uint32':
    case 'uint64':
      return { kind: 'int64' };
    default:
      return type;
  }
}

/** The load that reads a stored value, widened; bits and bytes of variable length have none. */
export function loadOf(type: DataType): string {
  switch (type.kind) {
    case 'int8':
      return 'i32.load8_s';
    case 'uint8':
      return 'i32.load8_u';
    case 'int16':
      return 'i32.load16_s';
    case 'uint16':
      return 'i32.load16_u';
    case 'uint32':
      return 'i64.load32_u';
    default:
      return `${wasmTypes(type)[0]}.load`;
  }
}

/** The store that writes a value, narrowed to what is stored. */
export function storeOf(type: DataType): string {
  const bits = 8 << widthShift(type);
  const [wasm = 'i32'] = wasmTypes(type);
  return `${wasm}.store${bits < Number(wasm.slice(1)) ? bits : ''}`;
}

/** log2 of the bytes that a value takes in its values buffer (the offsets, for utf8 and binary). */
export function widthShift(type: DataType): number {
  return isVariable(type) ? 2 : Math.log2(byteWidth(type));
}

/** Units of a second of a timestamp or duration; 0 for other types. */
export function unitsPerSecond(type: DataType): bigint {
  return type.kind === 'timestamp' || type.kind === 'duration' ? UNITS_PER_SECOND[type.unit] : 0n;
}
