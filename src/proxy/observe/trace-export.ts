// Exchanges as spans of the traces that their clients began, sent to a collector in batches (OTLP 1.x over HTTP, JSON).
import { randomBytes } from "node:crypto";
import packageJson from "../../../package.json" with { type: "json" };
import type { Log } from "../../log.ts";
import type { Exchange } from "../exchange/exchange.ts";
import { isSampled, parentIdOf } from "../exchange/trace-context.ts";
import { loggedPath } from "./access-log.ts";
import type { TraceCollector } from "./trace-settings.ts";

/** Spans that wait; clients decide what is sampled, so their number is bounded. */
const SPANS_MAX = 2_048;
const BATCH_MAX = 512;
const WAIT_MS = 1_000;
const ANSWER_MS = 10_000;
const CLOSE_MS = 2_000;

const KIND_SERVER = 2;
const STATUS_ERROR = 2;
/** RFC 9110 §9 and RFC 5789: a span's name must not have as many values as clients can think of. */
const METHODS: ReadonlySet<string> = new Set([
  ...["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
]);

interface Ended {
  readonly exchange: Exchange;
  readonly endedMs: number;
}

export interface TraceCounts {
  readonly sent: number;
  readonly dropped: number;
}

export class TraceExport {
  readonly #collector: TraceCollector;
  readonly #log: Log;
  readonly #resource: readonly Attribute[];
  #waiting: Ended[] = [];
  #timer: ReturnType<typeof setTimeout> | null = null;
  #sending: Promise<void> | null = null;
  #isFailing = false;
  #sent = 0;
  #dropped = 0;

  constructor(collector: TraceCollector, serverName: string, log: Log) {
    this.#collector = collector;
    this.#log = log;
    this.#resource = [
      attribute("service.name", collector.serviceName),
      attribute("service.version", packageJson.version),
      attribute("service.instance.id", serverName),
    ];
  }

  get counts(): TraceCounts {
    return { sent: this.#sent, dropped: this.#dropped };
  }

  /** Takes it where its client's trace is sampled. */
  ended(exchange: Exchange): void {
    if (exchange.traceId === null || !isSampled(exchange.traceparent)) return;
    if (this.#waiting.length >= SPANS_MAX) {
      this.#dropped++;
      return;
    }
    this.#waiting.push({ exchange, endedMs: performance.now() });
    if (this.#timer === null && this.#sending === null) {
      this.#timer = setTimeout(() => this.#send(), WAIT_MS);
    }
  }

  /** Sends what waits, for at most 2 s. */
  async close(): Promise<void> {
    this.#send();
    await Promise.race([this.#sending, Bun.sleep(CLOSE_MS)]);
  }

  #send(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = null;
    });
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH_MAX);
      try {
        await this.#sendBatch(batch);
        this.#sent += batch.length;
        this.#isFailing = false;
      } catch (error) {
        this.#dropped += batch.length;
        if (!this.#isFailing) this.#log.warn({ err: error }, "traces cannot be sent and are lost");
        this.#isFailing = true;
      }
    }
  }

  async #sendBatch(batch: readonly Ended[]): Promise<void> {
    const { url, headers } = this.#collector;
    const answer = await fetch(url, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify(exportRequest(this.#resource, batch)),
      redirect: "error",
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    await answer.body?.cancel();
    if (!answer.ok) throw new Error(`the collector answered ${answer.status}`);
  }
}

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue: string } | { readonly intValue: string };
}

function attribute(key: string, value: string | number): Attribute {
  return typeof value === "number"
    ? { key, value: { intValue: String(value) } }
    : { key, value: { stringValue: value } };
}

/** `ExportTraceServiceRequest` in Protobuf's JSON mapping; ids are hex (OTLP, JSON Protobuf Encoding). */
function exportRequest(resource: readonly Attribute[], batch: readonly Ended[]) {
  const scope = { name: "realmgate", version: packageJson.version };
  const scopeSpans = [{ scope, spans: batch.map(spanOf) }];
  return { resourceSpans: [{ resource: { attributes: resource }, scopeSpans }] };
}

function spanOf({ exchange, endedMs }: Ended) {
  const { host, status, method, traceparent } = exchange;
  const known = METHODS.has(method) ? method : "HTTP";
  const isError = status === null || status >= 500;
  return {
    traceId: exchange.traceId,
    spanId: randomBytes(8).toString("hex"),
    parentSpanId: parentIdOf(traceparent),
    name: host === null ? known : `${known} ${host.program}`,
    kind: KIND_SERVER,
    startTimeUnixNano: nanos(exchange.startedMs),
    endTimeUnixNano: nanos(endedMs),
    attributes: attributesOf(exchange, known),
    ...(isError ? { status: { code: STATUS_ERROR, message: exchange.reason } } : {}),
  };
}

function attributesOf(exchange: Exchange, method: string): readonly Attribute[] {
  const { host, status, hookId, upstreamMs } = exchange;
  const path = loggedPath(exchange.target);
  return [
    attribute("http.request.method", method === "HTTP" ? "_OTHER" : method),
    ...(status === null ? [] : [attribute("http.response.status_code", status)]),
    ...(path === null ? [] : [attribute("url.path", path)]),
    attribute("client.address", exchange.client),
    attribute("realmgate.request_id", exchange.requestId),
    attribute("realmgate.reason", exchange.reason),
    ...(exchange.end === null ? [] : [attribute("realmgate.end", exchange.end)]),
    ...(host === null
      ? []
      : [
          attribute("realmgate.project", host.project),
          attribute("realmgate.container", host.container),
          attribute("realmgate.program", host.program),
          attribute("realmgate.instance", host.instance),
        ]),
    ...(hookId === null ? [] : [attribute("realmgate.hook", hookId)]),
    ...(upstreamMs === null
      ? []
      : [attribute("realmgate.upstream_us", Math.round(upstreamMs * 1000))]),
  ];
}

/** `performance.now()` → Unix nanoseconds, as decimal digits. */
function nanos(ms: number): string {
  return `${Math.round((performance.timeOrigin + ms) * 1000)}000`;
}
