// Metrics of the data plane for Prometheus. Every label has a closed list of values: none is tenant-controlled.
import { type MetricObjectWithValues, type MetricValue, Registry } from "@prometheus-io/client";
import packageJson from "../../../package.json" with { type: "json" };
import { escapedErrors } from "../../guard/escaped-errors.ts";
import { MALFORMED_REASONS, type MalformedReason } from "../edge/malformed-reason.ts";
import { EXCHANGE_REASONS, type Exchange, type ExchangeReason } from "../exchange/exchange.ts";
import { REFUSAL_REASONS, type RefusalReason } from "../gate/refusal.ts";
import { HOOK_OUTCOMES, type HookOutcome } from "../hooks/hook-run.ts";
import { CountTable, Durations, Instruments } from "./instruments.ts";
import { formatFor } from "./open-metrics.ts";
import { collectProcessMetrics } from "./process-metrics.ts";

/** The programs that have a name of their own; tenants may name others as they like. */
export const KIT_PROGRAMS = [
  "agent",
  "browser",
  "code",
  "cron",
  "curl",
  "daemon",
  "display",
  "exec",
  "files",
  "http",
  "https",
  "logs",
  "notes",
  "notifications",
  "pipe",
  "run",
  "sqlite",
  "ssh",
  "terminal",
  "tunnel",
  "watch",
] as const;
/** Any other program; and no program, where the request did not get as far as to name one. */
const PROGRAMS: readonly string[] = [...KIT_PROGRAMS, "other", "none"];
const OTHER = PROGRAMS.indexOf("other");
const NONE = PROGRAMS.indexOf("none");
const PROGRAM_PLACES = new Map(PROGRAMS.map((program, place) => [program, place]));

const REASON_PLACES = Object.fromEntries(
  EXCHANGE_REASONS.map((reason, place) => [reason, place]),
) as Record<ExchangeReason, number>;

const STATUS_CLASSES = ["1xx", "2xx", "3xx", "4xx", "5xx"] as const;
const ANSWERED_BY = ["gate", "upstream"] as const;

/** Counts long-lived connections of one kind. */
export interface ConnectionCount {
  opened(): void;
  closed(): void;
}

/** Values that others keep and a scrape reads. */
export interface Observed {
  /** Exchanges, WebSockets and tunnels that go on. */
  readonly open: () => number;
  readonly revision: () => bigint;
  /** Reads of the change feed that failed. */
  readonly feedFailures: () => number;
  /** Unix milliseconds of the last read that did not; null: there was none. */
  readonly feedReadAtMs: () => number | null;
  readonly refusalLinesDropped: () => number;
  readonly accessLines: () => { readonly written: number; readonly dropped: number };
}

/** Counts exchanges in plain arrays; the registry reads them when it is scraped. */
export class Metrics {
  readonly #registry = new Registry();
  /** For the series of optional parts. */
  readonly instruments = new Instruments(this.#registry);
  readonly #requests = new CountTable(PROGRAMS, EXCHANGE_REASONS);
  readonly #heads = new Durations(ANSWERED_BY);
  readonly #upstreamAnswers = new CountTable(PROGRAMS, STATUS_CLASSES);
  readonly #upstreamHeads = new Durations(PROGRAMS);
  readonly #hookRuns = new CountTable(HOOK_OUTCOMES);
  readonly #revocations = new CountTable(REFUSAL_REASONS);
  readonly #malformed = new CountTable(MALFORMED_REASONS);
  readonly #webSockets = new OpenCount();
  readonly #tunnels = new OpenCount();
  #upstreamBytes = 0;

  constructor(observed: Observed) {
    const { instruments } = this;
    this.#exchangeSeries(instruments);
    this.#connectionSeries(instruments, observed);
    feedSeries(instruments, observed);
    logSeries(instruments, observed);
    buildSeries(instruments);
    collectProcessMetrics(this.#registry);
  }

  /** Counts relayed WebSockets. */
  get webSockets(): ConnectionCount {
    return this.#webSockets;
  }

  /** Counts upgraded connections whose bytes are passed on unread. */
  get tunnels(): ConnectionCount {
    return this.#tunnels;
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All of it in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** All of it, to be merged with that of other processes: each says how. */
  values(): Promise<MetricObjectWithValues<MetricValue<string>>[]> {
    return this.#registry.getMetricsAsJSON();
  }

  /** In the format that an Accept field weighs highest: this one, or OpenMetrics' with exemplars. */
  format(accept: string | null): { readonly contentType: string; text(): Promise<string> } {
    return formatFor(accept, async () => this.#registry);
  }

  answered({ host, reason, status, fromUpstream, headMs, upstreamMs, traceId }: Exchange): void {
    const program = host === null ? NONE : (PROGRAM_PLACES.get(host.program) ?? OTHER);
    this.#requests.add(program, REASON_PLACES[reason]);
    this.#heads.add(fromUpstream ? 1 : 0, headMs, traceId);
    if (fromUpstream && status !== null) {
      this.#upstreamAnswers.add(program, Math.floor(status / 100) - 1);
    }
    if (upstreamMs !== null) {
      this.#upstreamHeads.add(program, upstreamMs, traceId);
    }
  }

  ended({ bytes }: Exchange): void {
    this.#upstreamBytes += bytes;
  }

  /** A hook ran, with this outcome. */
  hookRan(outcome: HookOutcome): void {
    this.#hookRuns.add(HOOK_OUTCOMES.indexOf(outcome));
  }

  /** An active exchange was revoked, for this reason. */
  revoked(reason: RefusalReason): void {
    this.#revocations.add(REFUSAL_REASONS.indexOf(reason));
  }

  /** Bytes came that are no request. */
  malformed(reason: MalformedReason): void {
    this.#malformed.add(MALFORMED_REASONS.indexOf(reason));
  }

  #exchangeSeries(instruments: Instruments): void {
    instruments.counters(
      "realmgate_requests_total",
      "Requests answered, by the program asked for and what let them through or refused them.",
      ["program", "reason"],
      () => this.#requests.entries(),
    );
    instruments.durations(
      "realmgate_request_head_seconds",
      "From a request's arrival until its answer was about to be sent.",
      "answered_by",
      this.#heads,
    );
    instruments.durations(
      "realmgate_upstream_head_seconds",
      "From the moment an upstream had its request until its answer began.",
      "program",
      this.#upstreamHeads,
    );
    instruments.counters(
      "realmgate_upstream_responses_total",
      "Answers of upstreams that were passed on, by class of status.",
      ["program", "class"],
      () => this.#upstreamAnswers.entries(),
    );
    instruments.counters(
      "realmgate_hook_runs_total",
      "Requests that met a hook, by what came of it; opened: the script failed and the program was asked.",
      ["outcome"],
      () => this.#hookRuns.entries(),
    );
    instruments.counter(
      "realmgate_upstream_response_bytes_total",
      "Bytes of the bodies of those answers, counted when they are over.",
      () => this.#upstreamBytes,
    );
  }

  #connectionSeries(instruments: Instruments, { open }: Observed): void {
    instruments.gauge(
      "realmgate_exchanges_open",
      "Allowed exchanges that go on: requests with their answers, WebSockets, tunnels.",
      open,
    );
    for (const [kind, count] of [
      ["websockets", this.#webSockets],
      ["tunnels", this.#tunnels],
    ] as const) {
      instruments.gauge(`realmgate_${kind}_open`, `Open ${kind}.`, () => count.open);
      instruments.counter(`realmgate_${kind}_total`, `Opened ${kind}.`, () => count.total);
    }
    instruments.counters(
      "realmgate_malformed_total",
      "Connections that were ended because what came is no request, by what is wrong with it. Only where the gate parses itself.",
      ["reason"],
      () => this.#malformed.entries(),
    );
    instruments.counters(
      "realmgate_revocations_total",
      "Exchanges, WebSockets and tunnels that were broken off because they were allowed no more.",
      ["reason"],
      () => this.#revocations.entries(),
    );
  }
}

class OpenCount implements ConnectionCount {
  open = 0;
  total = 0;

  opened(): void {
    this.open++;
    this.total++;
  }

  closed(): void {
    this.open--;
  }
}

function feedSeries(instruments: Instruments, observed: Observed): void {
  instruments.gauge(
    "realmgate_snapshot_revision",
    "The revision that is enforced.",
    () => Number(observed.revision()),
    "min",
  );
  instruments.gauge(
    "realmgate_feed_read_timestamp_seconds",
    "When the change feed was last read with success; it is read when something changed. 0: never.",
    () => (observed.feedReadAtMs() ?? 0) / 1000,
    "min",
  );
  instruments.counter(
    "realmgate_feed_failures_total",
    "Reads of the change feed that failed.",
    observed.feedFailures,
  );
}

function logSeries(instruments: Instruments, observed: Observed): void {
  instruments.counter(
    "realmgate_escaped_errors_total",
    "Faults of the gate itself that no request could be blamed for: the log has each.",
    escapedErrors,
  );
  instruments.counter(
    "realmgate_refusal_lines_dropped_total",
    "Refusals that are not in the log because there were too many in a second.",
    observed.refusalLinesDropped,
  );
  instruments.counter(
    "realmgate_access_log_lines_total",
    "Lines of the access log that were written.",
    () => observed.accessLines().written,
  );
  instruments.counter(
    "realmgate_access_log_lines_dropped_total",
    "Lines of the access log that were lost: it could not be written, or not fast enough.",
    () => observed.accessLines().dropped,
  );
}

function buildSeries(instruments: Instruments): void {
  instruments.info("realmgate_build_info", "What is running.", {
    version: packageJson.version,
    bun: Bun.version,
  });
}
