// The rows of the table: what is asked of whom.
import { GATE_PROCESSES, NAMES, type Name } from "./contestant.ts";
import type { Protocol } from "./drive.ts";
import type { Gate, Path } from "./work.ts";

export interface Row {
  readonly name: string;
  readonly kind: "http" | "websocket" | "churn";
  readonly gate: Gate;
  readonly protocol: Protocol;
  readonly path: Path;
  readonly hasBrowserFields: boolean;
  readonly postBytes: number;
  readonly connections: number;
  /** The upstream itself is left out unless it is among them. */
  readonly contestants: readonly Name[];
}

const CONNECTIONS = 64;
const everybody: readonly Name[] = NAMES.filter(
  (name) => name !== "bun fetch" && !GATE_PROCESSES.has(name),
);

const row = (name: string, more: Partial<Row> = {}): Row => ({
  name,
  kind: "http",
  gate: "open",
  protocol: "h1",
  path: "/",
  hasBrowserFields: false,
  postBytes: 0,
  connections: CONNECTIONS,
  contestants: everybody,
  ...more,
});

/** nginx decides about JWTs by `auth_request`, Caddy by `forward_auth`, HAProxy by `jwt_verify`. */
export const rows: readonly Row[] = [
  row("bare", { contestants: [...everybody, "bun fetch"] }),
  row("ip", { gate: "ip" }),
  row("token", { gate: "token" }),
  row("password", { gate: "password" }),
  row("jwt", { gate: "jwt" }),
  row("ip-browser", { gate: "ip", hasBrowserFields: true }),
  row("jwt-browser", { gate: "jwt", hasBrowserFields: true }),
  row("bare-browser", { hasBrowserFields: true }),
  row("hosts", { gate: "hosts" }),
  row("10k", { path: "/10k" }),
  row("100k", { path: "/100k" }),
  row("1m", { path: "/1m", connections: 16 }),
  row("post-10k", { postBytes: 10_240 }),
  row("tls-h1", {
    protocol: "tls h1",
    contestants: ["realmgate", "nginx", "haproxy", "caddy"],
  }),
  row("tls-h2", {
    protocol: "tls h2",
    contestants: ["realmgate", "nginx", "haproxy", "caddy"],
  }),
  row("websocket", {
    kind: "websocket",
    contestants: everybody.filter((name) => name !== "direct"),
  }),
  row("1000-connections", { connections: 1_000 }),
  row("workers", { gate: "ip", contestants: ["realmgate", ...GATE_PROCESSES.keys()] }),
  row("churn", { kind: "churn", contestants: ["realmgate", "nginx"] }),
];
