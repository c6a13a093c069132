// Picks the role and reports: logs on stderr, one JSON line on stdout when all is up.
import pino from "pino";
import { parseConfig } from "./config.ts";
import { serve } from "./serve.ts";

const usage = "usage: bun src/main.ts serve [--setting value]…   (the README lists the settings)";

/** Runs until it is told to stop. Answers the exit code: 0 done, 1 could not start, 2 wrong words. */
async function main(args: readonly string[]): Promise<number> {
  const [role, ...flags] = args;
  if (role !== "serve") {
    console.error(usage);
    return 2;
  }
  const parsed = parseConfig(process.env, flags);
  if (!parsed.ok) {
    for (const problem of parsed.problems) console.error(`realmgate: ${problem}`);
    return 2;
  }
  const log = pino({ name: "realmgate" }, pino.destination({ dest: 2, sync: true }));
  try {
    const running = await serve(parsed.config, log);
    console.log(JSON.stringify({ event: "ready", ...running.urls }));
    await stopSignal();
    await running.stop();
    return 0;
  } catch (error) {
    log.fatal({ err: error }, "could not start");
    return 1;
  }
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
  });
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));
