/** The way back from a server to a client's connection, over the links that its question has come by. */

/** One pass of a question over a link; the answer comes back the same way. */
export interface Hop {
  /** The link has not been down since. */
  readonly whole: boolean;
  back(bytes: number, deliver: () => void): void;
  onLoss(listener: () => void): void;
}

/** What a route ends at: a client's connection. */
export interface RouteEnd {
  readonly open: boolean;
  toClient(bytes: number, arrive: () => void): void;
}

export class Route {
  readonly #end: RouteEnd;
  readonly #hops: readonly Hop[];

  constructor(end: RouteEnd, hops: readonly Hop[] = []) {
    this.#end = end;
    this.#hops = hops;
  }

  via(hop: Hop): Route {
    return new Route(this.#end, [...this.#hops, hop]);
  }

  /** A link on it has been down since, or the connection is gone: nothing comes through any more. */
  get broken(): boolean {
    return !this.#end.open || this.#hops.some((hop) => !hop.whole);
  }

  /** Called when a link on it is lost. */
  onLoss(listener: () => void): void {
    for (const hop of this.#hops) hop.onLoss(listener);
  }

  send(bytes: number, deliver: () => void): void {
    this.#send(this.#hops.length - 1, bytes, deliver);
  }

  #send(at: number, bytes: number, deliver: () => void): void {
    const hop = this.#hops[at];
    if (hop === undefined) this.#end.toClient(bytes, deliver);
    else hop.back(bytes, () => this.#send(at - 1, bytes, deliver));
  }
}
