/** What placement is told of the agents there are. */

/** An agent that can be given work. */
export interface AgentInfo {
  readonly site: string;
  readonly agent: string;
  readonly tier: 'edge' | 'cloud';
  /** `rack-7`, `zone=a`. */
  readonly labels: readonly string[];
  readonly devices: readonly string[];
  readonly workers: number;
}
