/** PostgreSQL in Wasm (PGlite) as the oracle for what expressions mean: one instance, a table of rows, errors caught row by row. */
import { PGlite } from '@electric-sql/pglite';
import type { Schema, Value } from '../../engine/batch/types.ts';
import type { ValueKind } from '../../engine/expression/define.ts';
import { pgText, pgTypeOf } from './expression-data.ts';

/** A value's text, null, or the SQLSTATE of the error. */
export type Answer = { readonly value: string | null } | { readonly state: string };

export class Postgres {
  readonly #db: PGlite;

  private constructor(db: PGlite) {
    this.#db = db;
  }

  static async start(): Promise<Postgres> {
    const db = await PGlite.create();
    await db.exec(`
      create function v(anyelement) returns anyelement language plpgsql volatile as 'begin return $1; end';
      create function try(query text, k int, out value text, out state text) language plpgsql as $$
        begin execute query into value using k; exception when others then state := sqlstate; end $$;`);
    return new Postgres(db);
  }

  /** Makes the rows of table `t`; they are numbered from 0. */
  async fill(schema: Schema, rows: readonly (readonly Value[])[]): Promise<void> {
    const columns = schema.fields.map(({ name, type }) => `"${name}" ${pgTypeOf(type.kind as ValueKind)}`);
    await this.#db.exec(`drop table if exists t; create table t (id int, ${columns.join(', ')})`);
    const places = schema.fields.map(({ type }, index) => `$${index + 2}::text::${pgTypeOf(type.kind as ValueKind)}`);
    for (const [id, row] of rows.entries()) {
      const texts = schema.fields.map(({ type }, index) => {
        const value = row[index] ?? null;
        return value === null ? null : pgText(value, type);
      });
      await this.#db.query(`insert into t values ($1, ${places.join(', ')})`, [id, ...texts]);
    }
  }

  /** The expression on every row. */
  async evaluate(expression: string): Promise<Answer[]> {
    const query = `select (${expression})::text from t where id = $1`;
    const { rows } = await this.#db.query<{ value: string | null; state: string | null }>(
      'select (try($1, id)).* from t order by id',
      [query],
    );
    return rows.map(({ value, state }) => (state === null ? { value } : { state }));
  }

  async stop(): Promise<void> {
    await this.#db.close();
  }
}
