import type { AccessLogPlace } from "../config/setting-readers.ts";
import type { Log } from "../log.ts";
import { AccessLog } from "../proxy/observe/access-log.ts";
import { FileSink, StderrSink } from "../proxy/observe/line-sink.ts";

/** Null: there is none. Rejects when the file cannot be written. */
export async function openAccessLog(
  place: AccessLogPlace | null,
  log: Log,
): Promise<AccessLog | null> {
  if (place === null) return null;
  if (place === "stderr") return new AccessLog(new StderrSink(), log);
  const sink = await FileSink.open(place.path).catch((error) => {
    throw new Error(`REALMGATE_ACCESS_LOG: cannot write to ${place.path}`, { cause: error });
  });
  return new AccessLog(sink, log);
}
