// Picks the role and reports: logs on stderr, one JSON line on stdout when all is up.
import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import pino from "pino";
import { connect, connectUsage, parseConnect } from "./cli/connect.ts";
import { parseConfig, settingsHelp, unknownSettings } from "./config.ts";
import { serve } from "./serve.ts";

const usage = `usage: bun start [--setting value]…   (or as variables: --rest-listen is REALMGATE_REST_LISTEN)

${settingsHelp()}`;

/** Runs until it is told to stop. Answers the exit code: 0 done, 1 could not start, 2 wrong words. */
async function main(args: readonly string[]): Promise<number> {
  const [role, ...flags] = args;
  if (role === "connect") {
    return connectAs(flags);
  }
  if (flags.includes("--help")) {
    console.log(usage);
    return 0;
  }
  if (role !== "serve") {
    console.error(usage);
    return 2;
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
  for (const variable of unknownSettings(process.env)) {
    log.warn({ variable }, "not a setting: misspelt? --help lists them");
  }
  try {
    const running = await serve(parsed.config, log);
    console.log(JSON.stringify({ event: "ready", pid: process.pid, ...running.urls }));
    await stopSignal();
    await running.stop();
    return 0;
  } catch (error) {
    console.error(`realmgate: ${error instanceof Error ? error.message : error}`);
    log.fatal({ err: error }, "could not start");
    return 1;
  }
}

/** Role `connect`: stdout is the tunnel's, so everything else is said on stderr. */
async function connectAs(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) {
    console.log(connectUsage);
    return 0;
  }
  const parsed = parseConnect(args, process.env);
  if (!parsed.ok) {
    console.error(`realmgate: ${parsed.problem}\n\n${connectUsage}`);
    return 2;
  }
  return connect(parsed.options, process.stdin, process.stdout, console.error);
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
  });
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));
