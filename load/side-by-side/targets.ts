// What the run has to reach. Ratios of CPU time a request (of a WebSocket: a message) unless said otherwise, in one run.
import type { Name } from "./contestant.ts";

export interface Side {
  readonly row: string;
  readonly name: Name;
}

export interface Target {
  readonly what: string;
  readonly ours: Side;
  readonly other: Side;
  /** "cpu": ours divided by the other's. "p99 added": ours less the other's, in ms. */
  readonly measure: "cpu" | "p99 added";
  readonly goal: number;
  readonly resolvedAt: number;
}

const ratio = (
  row: string,
  goal: number,
  resolvedAt: number,
  other: Side = { row, name: "nginx" },
  name: Name = "realmgate",
): Target => ({
  what: `${row}${name === "realmgate" ? "" : ` (${name})`}: CPU beside ${other.name} ${other.row}`,
  ours: { row, name },
  other,
  measure: "cpu",
  goal,
  resolvedAt,
});

const bare: Side = { row: "bare", name: "nginx" };
const browser: Side = { row: "bare-browser", name: "nginx" };

export const targets: readonly Target[] = [
  ratio("bare", 1, 1.15),
  ratio("ip", 1, 1.15, bare),
  ratio("token", 1, 1.15, bare),
  ratio("password", 1, 1.15, bare),
  ratio("jwt", 1, 1.15, bare),
  ratio("bare-browser", 1, 1.15),
  ratio("ip-browser", 1, 1.15, browser),
  ratio("jwt-browser", 1, 1.15, browser),
  ratio("hosts", 1.1, 1.35, bare),
  ratio("10k", 0.7, 0.85),
  ratio("100k", 0.5, 0.65),
  ratio("1m", 0.55, 0.7),
  ratio("post-10k", 0.6, 0.75),
  ratio("1000-connections", 1, 1.15),
  ratio("jwt", 0.5, 0.6, { row: "jwt", name: "nginx" }),
  ratio("jwt", 0.5, 0.6, { row: "jwt", name: "caddy" }),
  ratio("ip", 1, 1.15, { row: "bare", name: "bun fetch" }, "realmgate serve"),
  ratio("tls-h1", 1.5, 2),
  ratio("tls-h1", 1, 2, { row: "tls-h1", name: "caddy" }),
  ratio("tls-h2", 1.5, 2),
  ratio("tls-h2", 1, 2, { row: "tls-h2", name: "caddy" }),
  ratio("websocket", 1, 1.3),
  ...["bare", "ip", "jwt"].map(
    (row): Target => ({
      what: `${row}: p99 added to the upstream's own, at half of saturation, ms`,
      ours: { row, name: "realmgate" },
      other: { row, name: "direct" },
      measure: "p99 added",
      goal: 0.5,
      resolvedAt: 1,
    }),
  ),
];
