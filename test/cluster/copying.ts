/** A graph that copies rows from an edge to the cloud, for apps beside each other. */

/** `output`: what the names of its files begin with. */
export const copying = (name: string, output: string): string => `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: ${name} }
spec:
  sources:
    rows: { generate: { rate: 1000, columns: { id: { sequence: {} } } }, schema: { id: int64 } }
  operators:
    twice: { from: rows, select: { id: id } }
  sinks:
    out: { from: twice, file: { path: ${output}.ndjson } }
  placement: { rows: { tier: edge }, twice: { tier: edge }, out: { tier: cloud } }
  checkpoint: { every: 200ms }
`;
