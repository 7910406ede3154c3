/** Figures in the text format of Prometheus, by prom-client, which is loaded when somebody wants it. */
import type { Counter, Gauge, Registry } from 'prom-client';
import { Rising, type Sample } from '../../engine/metrics/samples.ts';
import { LABELS, METRICS, type MetricDefinition } from '../../engine/metrics/table.ts';

export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

type Family = Counter<string> | Gauge<string>;

export class Prometheus {
  readonly #registry: Registry;
  readonly #families: ReadonlyMap<MetricDefinition, Family>;
  readonly #rising = new Rising();
  #exposing: Promise<unknown> = Promise.resolve();

  private constructor(registry: Registry, families: ReadonlyMap<MetricDefinition, Family>) {
    this.#registry = registry;
    this.#families = families;
  }

  static async load(): Promise<Prometheus> {
    const { Counter: CounterOf, Gauge: GaugeOf, Registry: RegistryOf } = (await import('prom-client')).default;
    const registry = new RegistryOf();
    const families = new Map<MetricDefinition, Family>();
    for (const metric of METRICS) {
      const { exposed, meaning: help, of } = metric;
      if (exposed === undefined) continue;
      const options = { name: exposed.name, help, labelNames: [...LABELS[of]], registers: [registry] };
      families.set(metric, exposed.kind === 'counter' ? new CounterOf(options) : new GaugeOf(options));
    }
    return new Prometheus(registry, families);
  }

  /** All that `samples` gives, and nothing that earlier calls had; one call after the other. */
  expose(samples: () => readonly Sample[]): Promise<Exposition> {
    const exposing = this.#exposing.then(() => this.#expose(samples()));
    this.#exposing = exposing.catch(() => undefined);
    return exposing;
  }

  async #expose(samples: readonly Sample[]): Promise<Exposition> {
    for (const family of this.#families.values()) family.reset();
    for (const sample of samples) this.#put(sample);
    this.#rising.turn();
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  #put({ metric, labels, value, restored }: Sample): void {
    const { exposed } = metric;
    const family = this.#families.get(metric);
    if (family === undefined || exposed === undefined) return;
    if (exposed.kind === 'gauge') {
      (family as Gauge<string>).set(labels, value * exposed.scale);
      return;
    }
    const series = `${exposed.name} ${Object.values(labels).join(' ')}`;
    family.inc(labels, this.#rising.total(series, value, restored) * exposed.scale);
  }
}
