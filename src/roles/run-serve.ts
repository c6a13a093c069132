// The role `serve`: logs on stderr, one line of JSON on stdout when everything is up.
import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import pino from "pino";
import { ownVariables } from "../cli/settings/global-flags.ts";
import { parseConfig, unknownSettings } from "../config/config.ts";
import { settingsHelp } from "../config/settings-help.ts";
import { connectVariables } from "./connect.ts";
import { DatabaseUnusable } from "./control-plane.ts";
import { DatabaseInUse } from "./data-lock.ts";
import { serve } from "./serve.ts";

const usage = `usage: bun start [--setting value]…   (or as variables: --rest-listen is REALMGATE_REST_LISTEN)

${settingsHelp()}`;

/** Runs until a stop signal. Returns the exit code: 0 stopped, 1 could not start, 2 invalid settings. */
export async function serveRole(flags: readonly string[]): Promise<number> {
  if (flags.includes("--help")) {
    console.log(usage);
    return 0;
  }
  const parsed = parseConfig(process.env, flags);
  if (!parsed.ok) {
    for (const problem of parsed.problems) console.error(`realmgate: ${problem}`);
    return 2;
  }
  // Only this user may read what we write: the database, its log, the key.
  process.umask(0o077);
  // gRPC failures reach us as errors; its own log lines would repeat them.
  setLogVerbosity(logVerbosity.NONE);
  const log = pino({ name: "realmgate" }, pino.destination({ dest: 2, sync: true }));
  // The command line reads variables of the same prefix, which may be set in the shell that starts a server.
  const commandVariables = new Set([...ownVariables(), ...connectVariables]);
  for (const variable of unknownSettings(process.env)) {
    if (commandVariables.has(variable)) continue;
    log.warn({ variable }, "unknown setting: misspelt? --help lists the settings");
  }
  try {
    const running = await serve(parsed.config, log);
    process.on("SIGHUP", () => void running.reload());
    const { degraded, complete } = running;
    if (degraded !== null) report({ event: "degraded", reason: degraded, ...running.urls() });
    void complete.then(() => report({ event: "ready", ...running.urls() }));
    await stopSignal();
    process.once("SIGINT", exitNow);
    process.once("SIGTERM", exitNow);
    await running.stop();
    return 0;
  } catch (error) {
    console.error(`realmgate: ${error instanceof Error ? error.message : error}`);
    // What an operator can mend is said in one line; the log has the rest of what is a fault of ours.
    if (!isForOperator(error)) log.fatal({ err: error }, "could not start");
    return 1;
  }
}

/** A database that cannot be had. */
function isForOperator(error: unknown): boolean {
  return error instanceof DatabaseUnusable || error instanceof DatabaseInUse;
}

function report({
  event,
  ...rest
}: { readonly event: string } & Readonly<Record<string, unknown>>) {
  console.log(JSON.stringify({ event, pid: process.pid, ...rest }));
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
  });
}

/** On a second signal: do not wait for running exchanges. */
function exitNow(): void {
  process.exit(1);
}
