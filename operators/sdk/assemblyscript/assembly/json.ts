/**
 * A small JSON reader (RFC 8259) for an operator's configuration. Nesting is limited to 16 levels.
 */
export enum JsonKind {
  Null,
  Bool,
  Number,
  Text,
  List,
  Object,
}

export class Json {
  number: f64 = 0;
  bool: bool = false;
  text: string = '';
  items: Json[] = [];
  /** Names of an object's members, in the order of `items`. */
  names: string[] = [];

  constructor(public kind: JsonKind) {}

  /** A member of an object, null when it has none. */
  get(name: string): Json | null {
    for (let i = 0; i < this.names.length; i++) if (this.names[i] == name) return this.items[i];
    return null;
  }
}

const MAX_DEPTH = 16;

export class JsonParser {
  private at: i32 = 0;
  private depth: i32 = 0;
  /** What is wrong, empty while nothing is. */
  error: string = '';

  constructor(private source: string) {}

  /** The value, or null and `error`. */
  parse(): Json | null {
    const value = this.value();
    this.space();
    if (value !== null && this.at < this.source.length) return this.fail('something follows the value');
    return this.error.length > 0 ? null : value;
  }

  private fail(message: string): Json | null {
    if (this.error.length == 0) this.error = message + ' at character ' + this.at.toString();
    return null;
  }

  private peek(): i32 {
    return this.at < this.source.length ? this.source.charCodeAt(this.at) : -1;
  }

  private space(): void {
    while (this.peek() == 32 || this.peek() == 10 || this.peek() == 13 || this.peek() == 9) this.at += 1;
  }

  private accept(code: i32): bool {
    this.space();
    if (this.peek() != code) return false;
    this.at += 1;
    return true;
  }

  private value(): Json | null {
    this.space();
    const code = this.peek();
    if (code == 123) return this.nested(true);
    if (code == 91) return this.nested(false);
    if (code == 34) {
      const text = new Json(JsonKind.Text);
      text.text = this.string();
      return text;
    }
    if (this.word('null')) return new Json(JsonKind.Null);
    if (this.word('true')) {
      const yes = new Json(JsonKind.Bool);
      yes.bool = true;
      return yes;
    }
    if (this.word('false')) return new Json(JsonKind.Bool);
    return this.numberValue();
  }

  private word(word: string): bool {
    if (!this.source.startsWith(word, this.at)) return false;
    this.at += word.length;
    return true;
  }

  private numberValue(): Json | null {
    const start = this.at;
    for (let code = this.peek(); this.at < this.source.length; code = this.peek()) {
      const digit = code >= 48 && code <= 57;
      if (!digit && code != 43 && code != 45 && code != 46 && code != 101 && code != 69) break;
      this.at += 1;
    }
    if (this.at == start) return this.fail('no value');
    const value = new Json(JsonKind.Number);
    value.number = parseFloat(this.source.substring(start, this.at));
    return isNaN(value.number) ? this.fail('not a number') : value;
  }

  private nested(object: bool): Json | null {
    this.at += 1;
    this.depth += 1;
    if (this.depth > MAX_DEPTH) return this.fail('too deep');
    const value = new Json(object ? JsonKind.Object : JsonKind.List);
    const close = object ? 125 : 93;
    if (!this.accept(close)) {
      do {
        this.space();
        if (object) {
          value.names.push(this.string());
          if (!this.accept(58)) return this.fail('no colon');
        }
        const item = this.value();
        if (item === null) return null;
        value.items.push(item);
      } while (this.accept(44));
      if (!this.accept(close)) return this.fail('not closed');
    }
    this.depth -= 1;
    return value;
  }

  private string(): string {
    if (!this.accept(34)) {
      this.fail('no name');
      return '';
    }
    let text = '';
    let start = this.at;
    while (this.at < this.source.length) {
      const code = this.peek();
      if (code == 34) {
        text += this.source.substring(start, this.at);
        this.at += 1;
        return text;
      }
      if (code == 92) {
        text += this.source.substring(start, this.at) + this.escape();
        start = this.at;
      } else this.at += 1;
    }
    this.fail('text is not closed');
    return text;
  }

  private escape(): string {
    const code = this.source.charCodeAt(this.at + 1);
    this.at += 2;
    if (code == 117) {
      const unit = <i32>parseInt(this.source.substring(this.at, this.at + 4), 16);
      this.at += 4;
      return String.fromCharCode(unit);
    }
    if (code == 110) return '\n';
    if (code == 116) return '\t';
    if (code == 114) return '\r';
    if (code == 98) return '\b';
    if (code == 102) return '\f';
    return String.fromCharCode(code);
  }
}
