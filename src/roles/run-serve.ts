// The role `serve`: logs on stderr, one line of JSON on stdout when everything is up.

import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import { type Config, parseConfig } from "../config/config.ts";
import { passedOverData } from "../config/data-dir.ts";
import { settingsHelp } from "../config/settings-help.ts";
import { surviveEscaped } from "../guard/escaped-errors.ts";
import { DatabaseUnusable } from "./control-plane.ts";
import { DatabaseInUse } from "./data-lock.ts";
import { findings } from "./readiness.ts";
import { CannotStart, serve } from "./serve.ts";
import { stderrLog } from "./stderr-log.ts";
import { notifySupervisor } from "./supervisor.ts";
import { warnOfUnknownSettings } from "./unknown-settings.ts";

const checkFlag = "--check";
const couldNotStart = 1;
const invalidSettings = 2;

const usage = `usage: realmgate serve [--setting value]…   (or as variables: --rest-listen is REALMGATE_REST_LISTEN)

  --check   print everything that would keep the gate from starting, and change nothing

${settingsHelp()}`;

/** Runs until a stop signal. Returns the exit code: 0 stopped, 1 could not start, 2 invalid settings. */
export async function serveRole(flags: readonly string[]): Promise<number> {
  if (flags.includes("--help")) {
    console.log(usage);
    return 0;
  }
  const parsed = parseConfig(
    process.env,
    flags.filter((flag) => flag !== checkFlag),
  );
  // Whoever names a directory means it.
  const isNamed =
    process.env.REALMGATE_DATA_DIR || flags.some((flag) => /^--data-dir\b/.test(flag));
  const passedOver = isNamed ? null : passedOverData(parsed.config.dataDir, process.cwd());
  const problems = [
    ...(parsed.ok ? [] : parsed.problems),
    ...(passedOver === null ? [] : [`REALMGATE_DATA_DIR ${passedOver}`]),
  ];
  if (flags.includes(checkFlag)) return check(parsed.config, problems);
  if (problems.length > 0) {
    complain(problems);
    return invalidSettings;
  }
  // Only this user may read what we write: the database, its log, the key.
  process.umask(0o077);
  // gRPC failures reach us as errors; its own log lines would repeat them.
  setLogVerbosity(logVerbosity.NONE);
  const log = stderrLog("realmgate");
  surviveEscaped(log);
  warnOfUnknownSettings(log);
  try {
    const running = await serve(parsed.config, log);
    process.on("SIGHUP", () => void running.reload());
    const { degraded, complete } = running;
    if (degraded !== null) report({ event: "degraded", reason: degraded, ...running.urls() });
    notifySupervisor(degraded === null ? "READY=1" : `READY=1\nSTATUS=degraded: ${degraded}`, log);
    void complete.then(() => report({ event: "ready", ...running.urls() }));
    await stopSignal();
    process.once("SIGINT", exitNow);
    process.once("SIGTERM", exitNow);
    notifySupervisor("STOPPING=1", log);
    await running.stop();
    return 0;
  } catch (error) {
    complain(
      error instanceof CannotStart
        ? error.problems
        : [error instanceof Error ? error.message : String(error)],
    );
    // What an operator can mend is said in one line; the log has the rest of what is a fault of ours.
    if (!isForOperator(error)) log.fatal({ err: error }, "could not start");
    return couldNotStart;
  }
}

function isForOperator(error: unknown): boolean {
  return (
    error instanceof CannotStart ||
    error instanceof DatabaseUnusable ||
    error instanceof DatabaseInUse
  );
}

/** Prints everything that would keep the gate from starting, and what is worth a word; changes nothing. */
async function check(config: Config, problems: readonly string[]): Promise<number> {
  const found = await findings(config);
  complain(problems);
  for (const { level, text } of found) console.error(`realmgate: ${level}: ${text}`);
  if (problems.length > 0) return invalidSettings;
  if (found.some(({ level }) => level === "error")) return couldNotStart;
  console.log("realmgate: nothing keeps the gate from starting");
  return 0;
}

function complain(problems: readonly string[]): void {
  for (const problem of problems) console.error(`realmgate: ${problem}`);
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
