// Exchanges that ended, as the exchange log keeps them.
import type { EntryKind } from "../../exchange-log/entry-batch.ts";
import type { ExchangeLog } from "../../exchange-log/exchange-log.ts";
import type { LoggedExchange } from "../../exchange-log/log-entry.ts";
import { type Exchange, groupsNamedMax } from "../exchange/exchange.ts";
import { loggedPath } from "./access-log.ts";
import type { Instruments } from "./instruments.ts";

type Writable<Fields> = { -readonly [Name in keyof Fields]: Fields[Name] };

/** How often the clocks are compared, in milliseconds. */
const COMPARED_MS = 100;

/** Logs exchanges that ended. One for no container has no log: nobody could read it. */
export class ExchangeEntries {
  readonly #log: Pick<ExchangeLog, "ended">;
  /** What the log takes before it returns; there is one, for an object a request costs more than all the rest. */
  readonly #entry: Writable<LoggedExchange> = {
    requestId: "",
    traceId: null,
    startedAtMs: 0,
    durationMs: 0,
    method: "",
    path: null,
    program: "",
    instance: 0,
    alias: null,
    hook: null,
    status: null,
    reason: "",
    groups: null,
    subject: null,
    client: "",
    bytes: null,
    end: "complete",
  };
  /** Unix milliseconds at which the monotonic clock was 0. */
  #originMs = 0;
  #comparedMs = Number.NEGATIVE_INFINITY;

  constructor(log: Pick<ExchangeLog, "ended">) {
    this.#log = log;
  }

  ended(exchange: Exchange): void {
    const { host, groups, end, startedMs } = exchange;
    if (host === null || end === null) return;
    const nowMs = performance.now();
    if (nowMs - this.#comparedMs > COMPARED_MS) {
      this.#comparedMs = nowMs;
      this.#originMs = Date.now() - nowMs;
    }
    const entry = this.#entry;
    entry.requestId = exchange.requestId;
    entry.traceId = exchange.traceId;
    entry.startedAtMs = Math.round(this.#originMs + startedMs);
    entry.durationMs = nowMs - startedMs;
    entry.method = exchange.method;
    entry.path = loggedPath(exchange.target);
    entry.program = host.program;
    entry.instance = host.instance;
    entry.alias = exchange.alias;
    entry.hook = exchange.hookId;
    entry.status = exchange.status;
    entry.reason = exchange.reason;
    entry.groups =
      groups === null || groups.length <= groupsNamedMax ? groups : groups.slice(0, groupsNamedMax);
    entry.subject = exchange.subject;
    entry.client = exchange.client;
    entry.bytes = exchange.fromUpstream ? exchange.bytes : null;
    entry.end = end;
    this.#log.ended(kindOf(exchange), host.project, host.container, entry);
  }
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
  instruments.gauge(
    "realmgate_exchange_log_bytes",
    "Bytes of the exchange log's file that are in use.",
    () => counts.bytes,
    "max",
  );
}

/** Of the process that has the log's thread. */
export function exchangeLogThread(
  instruments: Instruments,
  log: Pick<ExchangeLog, "counts" | "problem">,
): void {
  instruments.counter(
    "realmgate_exchange_log_restarts_total",
    "How often the thread of the exchange log was started again, or that was tried: it had ended, or could not open the file.",
    () => log.counts.restarts,
  );
  instruments.gauge(
    "realmgate_exchange_log_up",
    "Whether the exchange log could be written when it was last tried.",
    () => (log.problem === null ? 1 : 0),
    "min",
  );
}
