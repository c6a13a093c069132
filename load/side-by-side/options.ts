// Arguments of `bun run load`.
import { parseArgs } from "node:util";
import { DRIVERS, type Driver } from "./drive.ts";
import { rows } from "./rows.ts";

export interface Options {
  readonly rows: ReadonlySet<string>;
  readonly rounds: number;
  readonly warmUpS: number;
  readonly saturatedS: number;
  readonly fixedS: number;
  readonly containers: number;
  readonly driver: Driver;
  /** HAProxy and Caddy, and latencies at a fixed rate, only in some rows. */
  readonly isQuick: boolean;
  readonly out: string | null;
  /** As it was typed, for the table. */
  readonly command: string;
}

export const usage = `usage: bun run load [--quick] [--rows ip,jwt] [--rounds N] [--seconds S] [--driver wrk|autocannon] [--out FILE]
  rows: ${rows.map(({ name }) => name).join(", ")}
  CONTAINERS=100000 sets how many there are while policies change; REALMGATE_PROXY_EDGE=serve|wire chooses the edge.`;

/** Throws with the usage when an argument makes no sense. */
export function parseOptions(args: readonly string[], environment: NodeJS.ProcessEnv): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      rows: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      driver: { type: "string" },
      out: { type: "string" },
    },
  });
  const isQuick = values.quick;
  const wanted = values.rows?.split(",") ?? rows.map(({ name }) => name);
  const unknown = wanted.filter((name) => !rows.some((row) => row.name === name));
  const found = Bun.which("wrk") === null ? "autocannon" : "wrk";
  const driver = DRIVERS.find((each) => each === (values.driver ?? found));
  const rounds = Number(values.rounds ?? (isQuick ? 1 : 7));
  const saturatedS = Number(values.seconds ?? (isQuick ? 1 : 3));
  const containers = Number(environment.CONTAINERS ?? (isQuick ? 1_000 : 100_000));
  const numbers = [rounds, saturatedS, containers];
  if (
    unknown.length > 0 ||
    driver === undefined ||
    !numbers.every((n) => n >= 1 && Number.isInteger(n))
  ) {
    throw new Error(`${unknown.length > 0 ? `no row ${unknown.join(", ")}\n` : ""}${usage}`);
  }
  return {
    rows: new Set(wanted),
    rounds,
    warmUpS: isQuick ? 0 : 1,
    saturatedS,
    fixedS: isQuick ? 0.4 : Math.max(1, saturatedS),
    containers,
    driver,
    isQuick,
    out: values.out ?? null,
    command: ["bun run load", ...args].join(" "),
  };
}
