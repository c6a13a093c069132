// What takes part in a load run: proxies, and the upstream reached directly.
import type { Gate } from "./work.ts";

export const NAMES = [
  "direct",
  "realmgate",
  "realmgate serve",
  "nginx",
  "haproxy",
  "caddy",
  "bun fetch",
  "1 gate process",
  "2 gate processes",
  "4 gate processes",
] as const;
export type Name = (typeof NAMES)[number];

/** The gate with so many (REALMGATE_WORKERS), beside the process of the control plane. */
export const GATE_PROCESSES = new Map<Name, number>([
  ["1 gate process", 1],
  ["2 gate processes", 2],
  ["4 gate processes", 4],
]);

export type Listener = "plain" | "tls";

export interface Contestant extends AsyncDisposable {
  readonly name: Name;
  readonly version: string;
  /** Those whose CPU time and memory count at this gate, a service that takes part in its decision included. */
  pids(gate: Gate): readonly number[];
  /** Port of a listener on 127.0.0.1; null when it has none. */
  port(listener: Listener): number | null;
  /** Hosts that a gate guards, one or `HOSTS`; null when it does not know that gate. */
  hosts(gate: Gate): readonly string[] | null;
}

/** What every proxy has to know before it starts. */
export interface Setting {
  readonly upstreamPort: number;
  readonly webSocketPort: number;
  /** Answers 200 to a valid JWT, 401 to any other request. */
  readonly authPort: number;
  readonly folder: string;
  readonly certPath: string;
  readonly keyPath: string;
}
