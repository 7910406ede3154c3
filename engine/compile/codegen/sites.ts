/** Sites: the places in a graph's expressions where a row can fail. Generated code names them by index, the host knows the rest. */
import type { OperatorNode } from '../../graph/plan.ts';

export interface Site {
  readonly operator: OperatorNode;
  /** The expression. */
  readonly text: string;
  /** True behind the aggregate, where rows are groups and have no row of the input. */
  readonly grouped: boolean;
}

export class Sites {
  readonly list: Site[] = [];
  readonly #indices = new Map<string, number>();

  /** The index of the site, new or known. */
  add(site: Site): number {
    const { operator, text, grouped } = site;
    const key = `${operator.name} ${grouped} ${text}`;
    const known = this.#indices.get(key);
    if (known !== undefined) return known;
    this.#indices.set(key, this.list.length);
    this.list.push(site);
    return this.list.length - 1;
  }
}
