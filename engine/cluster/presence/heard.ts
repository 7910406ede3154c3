/**
 * How far regions had come when their leaders were heard of last: what a server that was restored from an older disk does not know any more, and whoever takes a
 * region over must not go behind.
 */
import { type Versioned, versions } from '../documents/document.ts';
import { type AgentName, type AppName, agentName, appLabel } from '../documents/names.ts';
import { type Read, shape, whole } from '../documents/read-json.ts';
import type { AgentStatus } from '../documents/status.ts';

export interface Heard {
  readonly holder: AgentName;
  readonly deployed: number;
  readonly epoch: number;
  /** Complete, and above 0. */
  readonly checkpoint: number;
}

/** As it is kept on a disk. */
export interface HeardDocument extends Heard, Versioned {}

export const heardDocument: Read<HeardDocument> = shape<HeardDocument>({
  ...versions,
  holder: agentName,
  deployed: whole,
  epoch: whole,
  checkpoint: whole,
});

export interface HeardOf extends Heard, AppName {
  readonly region: string;
}

export class Progress {
  readonly #heard = new Map<string, Heard>();

  /** The regions that have come further. */
  hear({ site, agent, regions }: Pick<AgentStatus, 'site' | 'agent' | 'regions'>): readonly HeardOf[] {
    const further: HeardOf[] = [];
    for (const { namespace, app, region, deployed, epoch, checkpoint } of regions) {
      const heard = { holder: { site, agent }, deployed, epoch, checkpoint };
      const label = `${appLabel({ namespace, app })}/${region}`;
      if (checkpoint === 0 || !isFurther(heard, this.#heard.get(label))) continue;
      this.#heard.set(label, heard);
      further.push({ namespace, app, region, ...heard });
    }
    return further;
  }

  of(app: AppName, region: string): Heard | undefined {
    return this.#heard.get(`${appLabel(app)}/${region}`);
  }
}

/** A later epoch counts more than a later checkpoint: it may have gone back on purpose. */
export function isFurther(
  one: Pick<Heard, 'epoch' | 'checkpoint'>,
  other: Pick<Heard, 'epoch' | 'checkpoint'> | undefined,
): boolean {
  if (other === undefined || one.epoch !== other.epoch) return one.epoch > (other?.epoch ?? 0);
  return one.checkpoint > other.checkpoint;
}
