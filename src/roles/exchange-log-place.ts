// The exchange log of the data directory.
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { ExchangeLog } from "../exchange-log/exchange-log.ts";
import type { Log } from "../log.ts";
import { exchangeLogFile } from "./data-files.ts";

const DAY_MS = 86_400_000;
const MIB = 1024 * 1024;

/** Null: it is off. A gate whose exchange log cannot be opened is better than none. */
export async function openExchangeLog(
  { dataDir, logMaxMb, logRetentionDays }: Config,
  log: Log,
): Promise<ExchangeLog | null> {
  if (logMaxMb === 0) return null;
  const path = join(dataDir, exchangeLogFile);
  const limits = { ageMaxMs: logRetentionDays * DAY_MS, bytesMax: logMaxMb * MIB };
  return ExchangeLog.open(path, limits, log);
}

/** For people: what a log that cannot be written means for the node. */
export function exchangeLogProblems(exchangeLog: ExchangeLog | null): readonly string[] {
  const problem = exchangeLog?.problem ?? null;
  return problem === null
    ? []
    : [`the exchange log cannot be written (${problem}): who accessed what is not kept`];
}
