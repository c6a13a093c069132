// Traces of the data plane, as a collector receives them (OTLP over HTTP, JSON).
import { afterAll, expect, test } from "bun:test";
import { loginAdmin, makePlace } from "../harness/client.ts";
import { startProgram, startUpstream } from "../harness/program.ts";
import { until } from "../harness/until.ts";

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { key: string; value: Record<string, string> }[];
  readonly status?: { readonly code: number };
}

const received: { headers: Headers; spans: Span[] }[] = [];
let isAway = false;
const collector = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  async fetch(request) {
    if (new URL(request.url).pathname !== "/v1/traces") return new Response(null, { status: 404 });
    if (isAway) return new Response(null, { status: 503 });
    const body = await request.json();
    const [{ scopeSpans }] = body.resourceSpans;
    received.push({ headers: request.headers, spans: scopeSpans[0].spans });
    return Response.json({});
  },
});
afterAll(() => collector.stop(true));

const trace = "0af7651916cd43dd8448eb211c80319c";
const parent = "b7ad6b7169203331";

test("sampled requests reach the collector as spans of their client's trace, others do not, and a collector that is away costs spans alone", async () => {
  await using upstream = await startUpstream();
  await using program = await startProgram({
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}/`,
      OTEL_EXPORTER_OTLP_HEADERS: "x-api-key=a%20b",
    },
  });
  const { urls } = program;
  const place = await makePlace(await loginAdmin(urls), urls, upstream.port);
  const ask = (traceparent: string | null, path = "/a?secret=1", method = "GET") =>
    fetch(`${urls.proxy}${path}`, {
      method,
      headers: {
        host: place.host("terminal-1"),
        ...(traceparent === null ? {} : { traceparent }),
      },
    });
  const beforeMs = Date.now();
  const answer = await ask(`00-${trace}-${parent}-01`);
  expect(answer.status).toBe(200);
  // What the program gets is the client's header, as it came.
  const seen = (await answer.json()) as { headers: Record<string, string> };
  expect(seen.headers.traceparent).toBe(`00-${trace}-${parent}-01`);
  await ask(`00-${trace}-${parent}-00`, "/not-sampled");
  await ask(null, "/no-trace");
  await ask("00-zz-01", "/malformed");
  await ask(`00-${trace}-${parent}-03`, "/second", "PATCH");
  const spans = () => received.flatMap((each) => each.spans);
  await until(() => spans().length >= 2, "two spans came");
  await Bun.sleep(1_200);
  expect(spans().map(({ name }) => name)).toEqual(["GET terminal", "PATCH terminal"]);

  const [span] = spans();
  if (span === undefined) throw new Error("no span");
  expect(span).toMatchObject({ traceId: trace, parentSpanId: parent, kind: 2 });
  expect(span.spanId).toMatch(/^[0-9a-f]{16}$/);
  expect(span.status).toBeUndefined();
  const [startMs, endMs] = [span.startTimeUnixNano, span.endTimeUnixNano].map(
    (nanos) => Number(nanos) / 1e6,
  );
  expect(startMs).toBeGreaterThanOrEqual(beforeMs - 50);
  expect(endMs).toBeGreaterThanOrEqual(startMs ?? 0);
  const attributes = Object.fromEntries(
    span.attributes.map(({ key, value }) => [key, Object.values(value)[0]]),
  );
  expect(attributes).toMatchObject({
    "http.request.method": "GET",
    "http.response.status_code": "200",
    "url.path": "/a",
    "realmgate.program": "terminal",
    "realmgate.project": place.projectId,
  });
  expect(JSON.stringify(spans())).not.toContain("secret");
  expect(received[0]?.headers.get("x-api-key")).toBe("a b");

  isAway = true;
  expect((await ask(`00-${trace}-${parent}-01`)).status).toBe(200);
  const dropped = async () =>
    /realmgate_trace_spans_total\{result="dropped"\} 1\b/.test(
      await (await fetch(`${urls.ops}/metrics`)).text(),
    );
  await until(dropped, "the lost span is counted");
  expect(program.log()).toContain("traces cannot be sent");
}, 60_000);
