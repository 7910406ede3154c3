/** Graphs across two sites, from an edge to the cloud. */

export const ROWS = 9_000;

/** From the edge into a file of the cloud. */
export const graph = (name: string, rows: number, to = '{ tier: cloud }'): string => `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: ${name} }
spec:
  sources:
    rows: { generate: { rate: 3000, rows: ${rows}, columns: { id: { sequence: {} } } }, schema: { id: int64 } }
  operators:
    twice: { from: rows, select: { id: id, twice: id * 2 } }
  sinks:
    out: { from: twice, file: { path: ${name}.ndjson } }
  placement: { rows: { site: plant }, twice: { site: plant }, out: ${to} }
  checkpoint: { every: 200ms }
`;
