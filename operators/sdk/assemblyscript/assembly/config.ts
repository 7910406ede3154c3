/**
 * An operator's `config` from the graph. Every getter names what it wants; `finish` reports everything that was wrong at once, unknown
 * keys included.
 */
import { Failure, fail } from './failure';
import { Json, JsonKind, JsonParser } from './json';

export class Config {
  private root: Json = new Json(JsonKind.Object);
  private problems: string[] = [];
  private known: string[] = [];

  constructor(source: string) {
    const parser = new JsonParser(source);
    const root = parser.parse();
    if (root === null || root.kind != JsonKind.Object) {
      this.problems.push('config is not a JSON object' + (parser.error.length > 0 ? ': ' + parser.error : ''));
    } else this.root = root;
  }

  /** Adds a finding of the operator's own. */
  problem(message: string): void {
    this.problems.push(message);
  }

  private find(name: string): Json | null {
    this.known.push(name);
    const value = this.root.get(name);
    return value !== null && value.kind == JsonKind.Null ? null : value;
  }

  has(name: string): bool {
    return this.find(name) !== null;
  }

  /** A text, or `otherwise` when the key is missing or null. */
  text(name: string, otherwise: string): string {
    const value = this.find(name);
    if (value === null) return otherwise;
    if (value.kind == JsonKind.Text) return value.text;
    this.problem(name + ' must be a text');
    return otherwise;
  }

  /** A text that must be there. */
  requiredText(name: string, meaning: string): string {
    const value = this.find(name);
    if (value === null) {
      this.problem(name + ' is missing: ' + meaning);
      return '';
    }
    return this.text(name, '');
  }

  /** A number from `least` to `most`. */
  f64(name: string, otherwise: f64, least: f64, most: f64): f64 {
    const value = this.find(name);
    if (value === null) return otherwise;
    if (value.kind == JsonKind.Number && value.number >= least && value.number <= most) return value.number;
    this.problem(name + ' must be a number from ' + shown(least) + ' to ' + shown(most));
    return otherwise;
  }

  /** A whole number from `least` to `most`. */
  i32(name: string, otherwise: i32, least: i32, most: i32): i32 {
    const value = this.find(name);
    if (value === null) return otherwise;
    const number = value.number;
    if (value.kind == JsonKind.Number && number == Math.floor(number) && number >= least && number <= most)
      return <i32>number;
    this.problem(name + ' must be a whole number from ' + least.toString() + ' to ' + most.toString());
    return otherwise;
  }

  bool(name: string, otherwise: bool): bool {
    const value = this.find(name);
    if (value === null) return otherwise;
    if (value.kind == JsonKind.Bool) return value.bool;
    this.problem(name + ' must be true or false');
    return otherwise;
  }

  /** Fails the call with all findings, if there are any; true when there are none. */
  finish(): bool {
    for (let i = 0; i < this.root.names.length; i++) {
      const name = this.root.names[i];
      if (!this.known.includes(name)) this.problem(name + ' is unknown (known: ' + this.keys() + ')');
    }
    if (this.problems.length == 0) return true;
    fail(Failure.InvalidConfig, this.problems.join('; '));
    return false;
  }

  private keys(): string {
    const keys: string[] = [];
    for (let i = 0; i < this.known.length; i++) if (!keys.includes(this.known[i])) keys.push(this.known[i]);
    return keys.join(', ');
  }
}

/** A number as people write it: whole ones without a fraction. */
function shown(number: f64): string {
  return number == Math.floor(number) && Math.abs(number) < 1e15 ? (<i64>number).toString() : number.toString();
}
