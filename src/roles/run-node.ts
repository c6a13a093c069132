// The roles `control`, `proxy` and `gateway`: logs on stderr, one line of JSON on stdout when everything is up.

import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import { type NodeConfig, parseNodeConfig, type Role } from "../config/node-config.ts";
import { settingsHelp } from "../config/settings-help.ts";
import { surviveEscaped } from "../guard/escaped-errors.ts";
import type { Log } from "../log.ts";
import { DatabaseUnusable } from "./control-plane.ts";
import { nodeFindings } from "./node-readiness.ts";
import { CannotStartNode, type RunningNode } from "./running-node.ts";
import { stderrLog } from "./stderr-log.ts";
import { notifySupervisor } from "./supervisor.ts";
import { warnOfUnknownSettings } from "./unknown-settings.ts";

const checkFlag = "--check";
const couldNotStart = 1;
const invalidSettings = 2;

const about: Readonly<Record<Role, string>> = {
  control: "the API and the change feed on a PostgreSQL database; any number of them may run",
  proxy: "the data plane without a database: follows the feed of the control planes",
  gateway: "REST for clients, gRPC to the control planes",
};

/** Runs until a stop signal. Returns the exit code: 0 stopped, 1 could not start, 2 invalid settings. */
export async function nodeRole(role: Role, flags: readonly string[]): Promise<number> {
  if (flags.includes("--help")) {
    console.log(
      `usage: realmgate ${role} [--setting value]…   (or as variables: --feed-urls is REALMGATE_FEED_URLS)\n  ${about[role]}\n\n  --check   print everything that would keep it from starting, and change nothing\n\n${settingsHelp()}`,
    );
    return 0;
  }
  const rest = flags.filter((flag) => flag !== checkFlag);
  const parsed = parseNodeConfig(role, process.env, rest);
  if (!parsed.ok) {
    for (const problem of parsed.problems) console.error(`realmgate: ${problem}`);
    return invalidSettings;
  }
  if (rest.length < flags.length) return check(role, parsed.node);
  process.umask(0o077);
  // gRPC failures reach us as errors; its own log lines would repeat them.
  setLogVerbosity(logVerbosity.NONE);
  const log = stderrLog(`realmgate ${role}`);
  surviveEscaped(log);
  warnOfUnknownSettings(log);
  try {
    const running = await start(role, parsed.node, log);
    process.on("SIGHUP", () => void running.reload());
    console.log(JSON.stringify({ event: "ready", pid: process.pid, ...running.ready }));
    notifySupervisor("READY=1", log);
    await stopSignal();
    process.once("SIGINT", exitNow);
    process.once("SIGTERM", exitNow);
    notifySupervisor("STOPPING=1", log);
    await running.stop();
    return 0;
  } catch (error) {
    console.error(`realmgate: ${error instanceof Error ? error.message : error}`);
    const isForOperator = error instanceof CannotStartNode || error instanceof DatabaseUnusable;
    if (!isForOperator) log.fatal({ err: error }, "could not start");
    return couldNotStart;
  }
}

async function start(role: Role, node: NodeConfig, log: Log): Promise<RunningNode> {
  switch (role) {
    case "control":
      return (await import("./control.ts")).startControl(node, log);
    case "proxy":
      return (await import("./proxy.ts")).startProxyNode(node, log);
    case "gateway":
      return (await import("./gateway.ts")).startGateway(node, log);
  }
}

async function check(role: Role, node: NodeConfig): Promise<number> {
  const found = await nodeFindings(role, node);
  for (const { level, text } of found) console.error(`realmgate: ${level}: ${text}`);
  if (found.some(({ level }) => level === "error")) return couldNotStart;
  console.log("realmgate: nothing keeps it from starting");
  return 0;
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
  });
}

/** On a second signal: do not wait. */
function exitNow(): void {
  process.exit(1);
}
