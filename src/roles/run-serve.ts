// The role `serve`: logs on stderr, one JSON line on stdout when all is up.
import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import pino from "pino";
import { connectVariables } from "../cli/connect.ts";
import { ownVariables } from "../cli/settings/global-flags.ts";
import { parseConfig, unknownSettings } from "../config/config.ts";
import { settingsHelp } from "../config/settings-help.ts";
import { serve } from "./serve.ts";

const usage = `usage: bun start [--setting value]…   (or as variables: --rest-listen is REALMGATE_REST_LISTEN)

${settingsHelp()}`;

/** Runs until it is told to stop. Answers the exit code: 0 done, 1 could not start, 2 wrong words. */
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
  // What we write is for nobody else's eyes: the database, its log, the key.
  process.umask(0o077);
  // Its failures reach us as errors; its own lines would only come before them.
  setLogVerbosity(logVerbosity.NONE);
  const log = pino({ name: "realmgate" }, pino.destination({ dest: 2, sync: true }));
  // The command line has variables of the same prefix; a shell that has them may start a server.
  const ofCommands = new Set([...ownVariables(), ...connectVariables]);
  for (const variable of unknownSettings(process.env)) {
    if (ofCommands.has(variable)) continue;
    log.warn({ variable }, "not a setting: misspelt? --help lists them");
  }
  try {
    const running = await serve(parsed.config, log);
    process.on("SIGHUP", () => void running.reload());
    const { degraded, complete } = running;
    if (degraded !== null) report({ event: "degraded", reason: degraded, ...running.urls() });
    void complete.then(() => report({ event: "ready", ...running.urls() }));
    await stopSignal();
    process.once("SIGINT", cutShort);
    process.once("SIGTERM", cutShort);
    await running.stop();
    return 0;
  } catch (error) {
    console.error(`realmgate: ${error instanceof Error ? error.message : error}`);
    log.fatal({ err: error }, "could not start");
    return 1;
  }
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

/** Told a second time: whoever says so does not want to wait. */
function cutShort(): void {
  process.exit(1);
}
