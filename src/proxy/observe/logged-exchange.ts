// Exchanges that ended, as the exchange log keeps them.
import type { EntryKind } from "../../exchange-log/entry-batch.ts";
import type { ExchangeLog } from "../../exchange-log/exchange-log.ts";
import { type Exchange, groupsNamedMax } from "../exchange/exchange.ts";
import { loggedPath } from "./access-log.ts";
import type { Instruments } from "./instruments.ts";

/** Logs an exchange. One for no container has no log: nobody could read it. */
export function logExchange(log: Pick<ExchangeLog, "ended">, exchange: Exchange): void {
  const { host, groups, end } = exchange;
  if (host === null || end === null) return;
  const durationMs = performance.now() - exchange.startedMs;
  log.ended(kindOf(exchange), host.project, host.container, {
    requestId: exchange.requestId,
    traceId: exchange.traceId,
    startedAtMs: Math.round(Date.now() - durationMs),
    durationMs,
    method: exchange.method,
    path: loggedPath(exchange.target),
    program: host.program,
    instance: host.instance,
    alias: exchange.alias,
    hook: exchange.hookId,
    status: exchange.status,
    reason: exchange.reason,
    groups:
      groups === null || groups.length <= groupsNamedMax ? groups : groups.slice(0, groupsNamedMax),
    subject: exchange.subject,
    client: exchange.client,
    bytes: exchange.fromUpstream ? exchange.bytes : null,
    end,
  });
}

/** What one without any credential can cause never counts as let through. */
function kindOf({ reason, groups, fromUpstream }: Exchange): EntryKind {
  if (reason === "no_container") return "unrouted";
  return groups !== null || fromUpstream ? "passed" : "refused";
}

export function exchangeLogSeries(
  instruments: Instruments,
  { counts }: Pick<ExchangeLog, "counts">,
): void {
  instruments.counter(
    "realmgate_exchange_log_entries_total",
    "Exchanges that were stored in the exchange log.",
    () => counts.written,
  );
  instruments.counters(
    "realmgate_exchange_log_lost_total",
    "Exchanges that are not in the exchange log: there was no room to wait, the file could not be written, or it was full (removed before their time).",
    ["cause"],
    () => [
      [["queue"], counts.dropped],
      [["write"], counts.failed],
      [["full"], counts.evicted],
    ],
  );
  exchangeLogRestarts(instruments, { counts });
  instruments.gauge(
    "realmgate_exchange_log_bytes",
    "Bytes of the exchange log's file that are in use.",
    () => counts.bytes,
    "max",
  );
}

/** Of the process that has the log's thread. */
export function exchangeLogRestarts(
  instruments: Instruments,
  { counts }: Pick<ExchangeLog, "counts">,
): void {
  instruments.counter(
    "realmgate_exchange_log_restarts_total",
    "How often the thread of the exchange log ended and was started again.",
    () => counts.restarts,
  );
}
