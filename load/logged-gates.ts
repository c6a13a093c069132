// Two gates in one process, of which the first writes an exchange log: `bun load/logged-gates.ts UPSTREAM_PORT LOG_FILE` prints their
// ports and the host of a program behind an ip group, as JSON.
import { ExchangeLog } from "../src/exchange-log/exchange-log.ts";
import type { ProxyOptions } from "../src/proxy/options.ts";
import { startProxy } from "../src/proxy/proxy.ts";
import {
  ChangeRegistry,
  containerState,
  PARENT,
  projectState,
} from "../test/harness/change-registry.ts";
import { documents } from "./side-by-side/work.ts";

const [upstreamPort = "", logPath = ""] = process.argv.slice(2);
const log = { error: console.error, warn: () => {}, info: () => {} };
const registry = new ChangeRegistry();
const options: ProxyOptions = {
  hostname: "127.0.0.1",
  port: 0,
  domain: "example.test",
  serverName: "local",
  trustedProxies: [],
  programPorts: {},
  mayDial: () => true,
  isForbidden: () => false,
  bypassKeys: () => [],
  plainEdge: "wire",
  log,
};
const limits = { ageMaxMs: 86_400_000, bytesMax: 512 * 1024 * 1024 };
const exchangeLog = await ExchangeLog.open(logPath, limits, log);
const gates = [
  await startProxy({ ...options, exchangeLog }, registry),
  await startProxy(options, registry),
];
const [project, container] = ["a".repeat(24), "c".repeat(24)];
const placement = { project: { ...documents.ip } };
const revision = registry.commit(
  [projectState(registry, project, placement)],
  [containerState(registry, project, container, placement, Number(upstreamPort))],
);
for (const gate of gates) await gate.reached(revision, 5_000);
const host = `${project}-${container}-terminal-1.${PARENT}`;
console.log(JSON.stringify({ ports: gates.map(({ port }) => port), host }));
