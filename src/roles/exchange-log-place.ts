// The exchange log of the data directory.
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { ExchangeLog } from "../exchange-log/exchange-log.ts";
import type { Log } from "../log.ts";
import { exchangeLogFile } from "./data-files.ts";

const DAY_MS = 86_400_000;
const MIB = 1024 * 1024;

/** Null: it is off, or cannot be opened: a gate without its exchange log is better than none. */
export async function openExchangeLog(
  { dataDir, logMaxMb, logRetentionDays }: Config,
  log: Log,
): Promise<ExchangeLog | null> {
  if (logMaxMb === 0) return null;
  const path = join(dataDir, exchangeLogFile);
  const limits = { ageMaxMs: logRetentionDays * DAY_MS, bytesMax: logMaxMb * MIB };
  try {
    return await ExchangeLog.open(path, limits, log);
  } catch (error) {
    log.error({ err: error, path }, "exchange log cannot be opened; who accessed what is not kept");
    return null;
  }
}
