import { describe, expect, test } from "bun:test";
import { Exchange } from "../exchange/exchange.ts";
import type { Route } from "../snapshot/snapshot.ts";
import { AccessLog, lineOf, waitingBytesMax } from "./access-log.ts";
import type { LineSink } from "./line-sink.ts";

const host = {
  kind: "direct",
  project: "p",
  container: "c",
  program: "http",
  instance: 80,
} as const;
const question = {
  host: { kind: "alias", name: "blog" },
  presented: { header: () => null, cookie: () => null, param: () => null },
  client: "127.0.0.1",
  isPreflight: false,
} as const;

/** An exchange that was let through by these groups and is over. */
function over(target: string | null, groups: readonly string[] = ["a"], method = "GET"): Exchange {
  const exchange = new Exchange({ answered() {}, ended() {} }, "id", method, "127.0.0.1");
  exchange.target = target;
  const route = { policy: {} } as Route;
  exchange.authorized(question, {
    allow: true,
    host,
    alias: null,
    route,
    groups,
    consumedCredentials: [],
    jwtSources: [],
    unverifiedSources: [],
    passedPreflight: false,
    untimely: false,
    subject: null,
    untilMs: 0,
  });
  exchange.passes(200);
  exchange.ended("complete");
  return exchange;
}

function line(exchange: Exchange): string {
  return lineOf({ exchange, durationMs: 1.23456, endedAtMs: 1_700_000_000_123 });
}

/** Keeps what it is given; waits with each write until it is let go on, and fails when it is told to. */
class HeldSink implements LineSink {
  readonly lines: string[] = [];
  readonly writes: number[] = [];
  closed = false;
  problem: Error | null = null;
  gate: Promise<void> = Promise.resolve();

  async write(lines: readonly string[]): Promise<void> {
    await this.gate;
    this.writes.push(lines.length);
    if (this.problem !== null) {
      throw this.problem;
    }
    this.lines.push(...lines);
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

function logOn(sink: LineSink) {
  const errors: object[] = [];
  const never = () => {
    throw new Error("nothing to report");
  };
  const log = { error: (fields: object) => errors.push(fields), warn: never, info: never };
  return { errors, accessLog: new AccessLog(sink, log) };
}

describe("a line", () => {
  test("has everything there is to know, and no more", () => {
    const exchange = over("/a/b?token=hunter2", ["partners", "staff"]);
    exchange.traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
    exchange.upstreamMs = 0.98765;
    exchange.bytes = 12;
    expect(JSON.parse(line(exchange))).toEqual({
      time: "2023-11-14T22:13:20.121Z",
      requestId: "id",
      traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
      client: "127.0.0.1",
      method: "GET",
      project: "p",
      container: "c",
      program: "http",
      instance: 80,
      alias: "blog",
      hook: null,
      path: "/a/b",
      status: 200,
      reason: "granted",
      groups: ["partners", "staff"],
      bytes: 12,
      ended: "complete",
      durationMs: 1.235,
      upstreamMs: 0.988,
    });
  });

  test("of a request that named nothing is of the same shape", () => {
    const refused = new Exchange({ answered() {}, ended() {} }, "id", "GET", "unknown");
    refused.refused("bad_host", 400);
    const parsed = JSON.parse(line(refused));
    expect(Object.keys(parsed)).toEqual(Object.keys(JSON.parse(line(over("/")))));
    expect(parsed).toMatchObject({
      project: null,
      path: null,
      groups: null,
      bytes: null,
      status: 400,
    });
  });

  test.each([
    ["a line break", "/a\nb\r{}"],
    ["a quote", '/a","status":500,"x":"'],
    ["a backslash", "/a\\"],
    ["control characters", "/\u0000\u001b[2J\u007f"],
    ["control characters of the upper half", "/\u009b2J\u0085"],
    ["a line separator", "/a\u2028b\u2029"],
    ["what turns text around", "/\u202eevil"],
    ["half a character", "/\ud800"],
    ["an emoji", "/😀"],
  ])("cannot be forged with %s, in whatever field", (_what, text) => {
    const exchange = over(text, [text], text);
    exchange.client = text;
    const written = line(exchange);
    expect(written).toMatch(/^[\x20-\x7e]+$/);
    const { path, method, client, groups, status } = JSON.parse(written);
    expect([path, method, client, groups, status]).toEqual([text, text, text, [text], 200]);
  });

  test("stays short, however long the path and however many the groups", () => {
    const exchange = over(
      `/${"x".repeat(20_000)}`,
      Array.from({ length: 1_000 }, (_, index) => `group-${index}`),
    );
    expect(line(exchange).length).toBeLessThan(2_000);
    expect(JSON.parse(line(exchange)).path).toEndWith("x…");
  });
});

describe("the access log", () => {
  test("writes in batches what came meanwhile, in order", async () => {
    const sink = new HeldSink();
    const { accessLog } = logOn(sink);
    for (let i = 0; i < 1_000; i++) {
      accessLog.ended(over(`/${i}`));
    }
    expect(sink.writes).toEqual([]);
    await accessLog.close();
    expect(sink.lines.map((each) => JSON.parse(each).path)).toEqual(
      Array.from({ length: 1_000 }, (_, i) => `/${i}`),
    );
    expect(sink.writes).toEqual([256, 256, 256, 232]);
    expect([accessLog.written, accessLog.dropped, sink.closed]).toEqual([1_000, 0, true]);
  });

  test("writes without being asked", async () => {
    const sink = new HeldSink();
    const { accessLog } = logOn(sink);
    const { promise, resolve } = Promise.withResolvers<void>();
    sink.write = async () => resolve();
    accessLog.ended(over("/"));
    await promise;
  });

  test("drops and counts what is beyond its limit while nothing can be written", async () => {
    const sink = new HeldSink();
    const { accessLog } = logOn(sink);
    const open = Promise.withResolvers<void>();
    sink.gate = open.promise;
    const long = `/${"x".repeat(16_000)}`;
    const count = 2 * Math.ceil(waitingBytesMax / long.length);
    for (let i = 0; i < count; i++) {
      accessLog.ended(over(long));
    }
    const { dropped } = accessLog;
    expect(dropped).toBeGreaterThan(count / 2);
    expect(dropped).toBeLessThan(count);
    open.resolve();
    await accessLog.close();
    expect(accessLog.written).toBe(count - dropped);
    accessLog.ended(over("/"));
    expect(accessLog.dropped).toBe(dropped);
  });

  test("counts what could not be written, says so once, and goes on when it can", async () => {
    const sink = new HeldSink();
    const { accessLog, errors } = logOn(sink);
    sink.problem = new Error("disk full");
    for (let i = 0; i < 600; i++) {
      accessLog.ended(over("/"));
    }
    await accessLog.close();
    expect([accessLog.dropped, accessLog.written, errors.length]).toEqual([600, 0, 1]);
    sink.problem = null;
    accessLog.ended(over("/after"));
    await accessLog.close();
    expect([accessLog.dropped, accessLog.written]).toEqual([600, 1]);
  });
});
