// What operators are told of the running proxy: its counters, its access log, its traces. Never a credential.
import { afterAll, describe, expect, test } from "bun:test";
import { SignJWT } from "jose";
import { AccessLog } from "../../src/proxy/observe/access-log.ts";
import { type ProxyServer, startProxy } from "../../src/proxy/proxy.ts";
import { type Random, randomFrom } from "../arbitrary/random.ts";
import { PARENT } from "../harness/change-registry.ts";
import { type Family, parsePrometheusText, sampleValue } from "../harness/prometheus-text.ts";
import { code, echoed, ip, LOCAL, testBench } from "../harness/proxy-bench.ts";
import { until, within } from "../harness/until.ts";
import { untilClosed } from "../harness/wire.ts";

const { ask, listen, listening, logged, options, place, registry } = await testBench();

const seed = Number(process.env.REALMGATE_TEST_SEED ?? Date.now() % 2 ** 31);
const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT = `00-${TRACE_ID}-00f067aa0ba902b7-01`;

interface Line {
  readonly [field: string]: unknown;
  readonly requestId: string;
  readonly reason: string;
  readonly status: number | null;
}

/** A proxy whose access log is at hand. */
interface Observed {
  readonly proxy: ProxyServer;
  /** What was written so far, as text; it is written first. */
  written(): Promise<string[]>;
  lines(): Promise<Line[]>;
  /** The first line of which this holds, as soon as there is one. */
  line(holds: (line: Line) => boolean): Promise<Line>;
  scrape(): Promise<Map<string, Family>>;
}

const proxies: ProxyServer[] = [];
afterAll(async () => {
  await Promise.all(proxies.map((proxy) => proxy.stop(true)));
});

async function observedProxy(): Promise<Observed> {
  const texts: string[] = [];
  const sink = {
    write: async (lines: readonly string[]) => void texts.push(...lines),
    async close() {},
  };
  const { log } = options();
  const accessLog = new AccessLog(sink, log);
  const proxy = await startProxy(options({ accessLog, responseHeaderMs: 100 }), registry);
  proxies.push(proxy);
  const observed: Observed = {
    proxy,
    async written() {
      await accessLog.close();
      return texts;
    },
    async lines() {
      return (await observed.written()).map((text) => JSON.parse(text));
    },
    async line(holds) {
      return until(
        async () => (await observed.lines()).find(holds),
        "such a line of the access log",
      );
    },
    scrape: async () => parsePrometheusText(await proxy.metrics.text()),
  };
  return observed;
}

async function closedPort(): Promise<number> {
  const port = await listen(() => {});
  listening.pop()?.close();
  return port;
}

const TOKEN = { type: "token", header: "X-Key", value: "k3y" };

describe("counters and lines", () => {
  test("say what was answered, request by request, in a mixed run", async () => {
    const { proxy, lines, scrape } = await observedProxy();
    const silent = await listen(() => {});
    const open = await place({ programs: { display: await closedPort(), browser: silent } });
    const gated = await place({
      own: { groups: { key: TOKEN }, permissions: { key: { terminal: true } } },
    });
    const asks: (() => Promise<Response>)[] = [
      () => ask(open.host("terminal-1"), { via: proxy }),
      () => ask(gated.host("terminal-1"), { via: proxy, headers: { "x-key": "k3y" } }),
      () => ask(gated.host("terminal-1"), { via: proxy }),
      () => ask(gated.host("files-1"), { via: proxy, headers: { "x-key": "k3y" } }),
      () => ask("a..b", { via: proxy }),
      () => ask(`nobody.${PARENT}`, { via: proxy }),
      () => ask(open.host("mine-1"), { via: proxy }),
      () => ask(open.host("display-1"), { via: proxy }),
      () => ask(open.host("browser-1"), { via: proxy }),
      () => ask(open.host("terminal-1"), { via: proxy, path: "/status/404" }),
      async () => {
        const { host } = await place({ own: { default: "allow" } });
        await proxy.reached(registry.revision, 2_000);
        return ask(host("terminal-1"), { via: proxy });
      },
      async () => {
        const { host } = await place({ own: { groups: { far: ip("203.0.113.0/24") } } });
        await proxy.reached(registry.revision, 2_000);
        return ask(host("terminal-1"), { via: proxy });
      },
      async () => {
        const { host } = await place({ projectDisabled: true });
        await proxy.reached(registry.revision, 2_000);
        return ask(host("terminal-1"), { via: proxy });
      },
    ];
    await proxy.reached(registry.revision, 2_000);
    const random = randomFrom(seed);
    const answered = new Map<string, string>();
    const count = 120;
    for (let i = 0; i < count; i++) {
      const response = await random.pick(asks)();
      const id = response.headers.get("x-realmgate-request-id");
      const text = await response.text();
      answered.set(id ?? `upstream ${i}`, id === null ? "upstream" : JSON.parse(text).code);
    }
    const families = await scrape();
    const written = await lines();
    expect(written).toHaveLength(count);
    const passed = written.filter(({ reason }) => /^(open|granted|default_allow)$/.test(reason));
    expect([seed, passed.length]).toEqual([
      seed,
      [...answered.values()].filter((reason) => reason === "upstream").length,
    ]);
    for (const line of written.filter((each) => !passed.includes(each))) {
      expect([line.requestId, answered.get(line.requestId)]).toEqual([line.requestId, line.reason]);
    }
    const counted = new Map<string, number>();
    for (const { labels, value } of families.get("realmgate_requests_total")?.samples ?? []) {
      const key = `${labels.program} ${labels.reason}`;
      counted.set(key, value);
    }
    const said = new Map<string, number>();
    for (const { program, reason } of written) {
      const label = program === "mine" ? "other" : (program ?? "none");
      said.set(`${label} ${reason}`, (said.get(`${label} ${reason}`) ?? 0) + 1);
    }
    expect([...counted].sort()).toEqual([...said].sort());
    const heads = (by: string) =>
      families
        .get("realmgate_request_head_seconds")
        ?.samples.find(({ name, labels }) => name.endsWith("_count") && labels.answered_by === by)
        ?.value ?? 0;
    expect([heads("upstream"), heads("gate")]).toEqual([passed.length, count - passed.length]);
    const notFound = { program: "terminal", class: "4xx" };
    expect(sampleValue(families, "realmgate_upstream_responses_total", notFound)).toBe(
      written.filter(({ status, bytes }) => status === 404 && bytes !== null).length,
    );
  });

  test("a line says where the request went, who let it through, and how much came back", async () => {
    const { proxy, line, scrape } = await observedProxy();
    const placed = await place({
      own: { groups: { key: TOKEN, near: LOCAL }, permissions: { key: { terminal: true } } },
    });
    await proxy.reached(registry.revision, 2_000);
    const headers = { "x-key": "k3y", traceparent: TRACEPARENT };
    const path = "/some/where?with=this";
    const response = await ask(placed.host("terminal-1"), { via: proxy, path, headers });
    const { length } = await response.text();
    const found = await line(() => true);
    expect(found).toMatchObject({
      client: "127.0.0.1",
      method: "GET",
      project: placed.project,
      container: placed.container,
      program: "terminal",
      instance: 1,
      alias: null,
      path: "/some/where",
      status: 200,
      reason: "granted",
      groups: ["key"],
      bytes: length,
      ended: "complete",
      traceId: TRACE_ID,
    });
    expect(Number(found.upstreamMs)).toBeGreaterThan(0);
    expect(Number(found.durationMs)).toBeGreaterThanOrEqual(Number(found.upstreamMs));
    expect(sampleValue(await scrape(), "realmgate_upstream_response_bytes_total")).toBe(length);
  });

  test("an alias is named by its name, not by what its target adds", async () => {
    const { proxy, line } = await observedProxy();
    const alias = { alias: "blog", enabled: true, program: "terminal", instance: 1 };
    const leading = { ...alias, targetPath: "/app?key=hunter2", allowPathOverride: true };
    await place({ state: { aliases: [leading] } as never });
    await proxy.reached(registry.revision, 2_000);
    await echoed(await ask(`blog.${PARENT}`, { via: proxy, path: "/x" }));
    expect(await line(() => true)).toMatchObject({
      alias: "blog",
      path: "/x",
      program: "terminal",
    });
  });

  test("without an access log a refusal is found in the log by its id", async () => {
    const placed = await place({ own: { default: "deny" } });
    const response = await ask(placed.host("terminal-1"));
    const requestId = response.headers.get("x-realmgate-request-id");
    expect(await code(response)).toEqual([403, "denied"]);
    const { project, container } = placed;
    expect(logged.map(({ fields }) => fields)).toContainEqual({
      requestId,
      reason: "denied",
      client: "127.0.0.1",
      program: "terminal",
      instance: 1,
      project,
      container,
    });
  });

  test("and so is one that is for no container", async () => {
    const response = await ask("nothing.example");
    const requestId = response.headers.get("x-realmgate-request-id");
    expect(await code(response)).toEqual([404, "unknown_host"]);
    expect(logged.map(({ fields }) => fields)).toContainEqual({
      requestId,
      reason: "unknown_host",
      client: "127.0.0.1",
    });
  });

  test("with one it is found there only", async () => {
    const { proxy, lines } = await observedProxy();
    const placed = await place({ own: { default: "deny" } });
    await proxy.reached(registry.revision, 2_000);
    const before = logged.length;
    const response = await ask(placed.host("terminal-1"), { via: proxy });
    await response.text();
    const requestId = response.headers.get("x-realmgate-request-id");
    expect((await lines()).filter((line) => line.requestId === requestId)).toHaveLength(1);
    expect(logged.slice(before).filter(({ message }) => message === "request refused")).toEqual([]);
  });
});

describe("what goes on", () => {
  const HEAD = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

  async function streaming() {
    const observed = await observedProxy();
    const port = await listen((socket) =>
      socket.once("data", () => socket.write(`${HEAD}3\r\nabc\r\n`)),
    );
    const placed = await place({ programs: { terminal: port } });
    await observed.proxy.reached(registry.revision, 2_000);
    const leave = new AbortController();
    const init = { via: observed.proxy, signal: leave.signal };
    const response = await ask(placed.host("terminal-1"), init);
    const reader = response.body?.getReader();
    await reader?.read();
    const open = async () => sampleValue(await observed.scrape(), "realmgate_exchanges_open");
    expect(await open()).toBe(1);
    const closed = () => until(async () => (await open()) === 0, "nothing is counted as open");
    return { observed, placed, leave, reader, closed };
  }

  test("is counted until its client goes away", async () => {
    const { observed, leave, closed } = await streaming();
    leave.abort();
    await closed();
    expect(await observed.line(() => true)).toMatchObject({
      status: 200,
      ended: "client_gone",
      bytes: 3,
    });
  });

  test("is counted until it is allowed no more, and then under why", async () => {
    const { observed, placed, reader, closed } = await streaming();
    await placed.change({ projectDisabled: true });
    await closed();
    await reader?.read().catch(() => {});
    expect(await observed.line(() => true)).toMatchObject({
      reason: "open",
      status: 200,
      ended: "revoked",
    });
    const families = await observed.scrape();
    expect(sampleValue(families, "realmgate_revocations_total", { reason: "disabled" })).toBe(1);
  });

  test("a client that leaves before there is an answer is counted as gone, not as a failure", async () => {
    const observed = await observedProxy();
    const asked = Promise.withResolvers<void>();
    const port = await listen((socket) => socket.once("data", () => asked.resolve()));
    const placed = await place({ programs: { terminal: port } });
    await observed.proxy.reached(registry.revision, 2_000);
    const leave = new AbortController();
    const init = { via: observed.proxy, signal: leave.signal };
    const answer = ask(placed.host("terminal-1"), init).catch(() => null);
    await within(asked.promise, "the upstream is asked");
    leave.abort();
    await answer;
    expect(await observed.line(() => true)).toMatchObject({
      status: null,
      reason: "client_gone",
      ended: "client_gone",
    });
    const families = await observed.scrape();
    const labels = { program: "terminal", reason: "client_gone" };
    expect(sampleValue(families, "realmgate_requests_total", labels)).toBe(1);
  });
});

describe("a trace", () => {
  test.each([
    ["a valid one passes as it is, with its state", TRACEPARENT, "a=1,b=2", TRACEPARENT, "a=1,b=2"],
    ["a malformed one goes, and its state with it", "00-xyz", "a=1", undefined, undefined],
    ["a state without a parent goes", undefined, "a=1", undefined, undefined],
    ["without one none is made", undefined, undefined, undefined, undefined],
  ])("%s", async (_what, traceparent, tracestate, passedParent, passedState) => {
    const { proxy, line } = await observedProxy();
    const placed = await place();
    await proxy.reached(registry.revision, 2_000);
    const headers = new Headers();
    if (traceparent !== undefined) {
      headers.set("traceparent", traceparent);
    }
    if (tracestate !== undefined) {
      headers.set("tracestate", tracestate);
    }
    const init = { via: proxy, headers };
    const echo = await echoed(await ask(placed.host("terminal-1"), init as object));
    expect([echo.headers.traceparent, echo.headers.tracestate]).toEqual([
      passedParent,
      passedState,
    ]);
    const traceId = passedParent === undefined ? null : TRACE_ID;
    expect(await line(() => true)).toMatchObject({ traceId });
  });
});

describe("no credential", () => {
  const JWT_SECRET = "0123456789abcdef0123456789abcdef";

  /** A text that is in nothing else, of characters that every place takes. */
  function secret(random: Random): string {
    return `s3cr3t${random.list(12, () => random.pick([..."abcdefXYZ0189"])).join("")}`;
  }

  test("is in a line, in the log or in a counter, in whatever place it came and whether or not it was right", async () => {
    const random = randomFrom(seed);
    const { proxy, written, scrape } = await observedProxy();
    const before = logged.length;
    const secrets: string[] = [];
    for (let round = 0; round < 25; round++) {
      const [head, cookie, param, password, wrong] = [1, 2, 3, 4, 5].map(() => secret(random));
      if (!head || !cookie || !param || !password || !wrong) {
        throw new Error("five were made");
      }
      const groups = {
        head: { type: "token", header: "X-Key", value: head },
        cookie: { type: "token", cookie: "session", value: cookie },
        param: { type: "token", param: "key", value: param },
        person: { type: "password", username: "ada", password, salt: "s" },
        bearer: {
          type: "jwt",
          secret: JWT_SECRET,
          sources: ["header:Authorization", "cookie:jwt"],
        },
        far: ip("203.0.113.0/24"),
      };
      const permissions = Object.fromEntries(
        Object.keys(groups).map((name) => [name, { terminal: random.chance(0.7) }]),
      );
      const refusing = random.chance(0.2) ? { programs: { terminal: await closedPort() } } : {};
      const placed = await place({ own: { groups, permissions }, ...refusing } as object);
      await proxy.reached(registry.revision, 2_000);
      const jwt = await new SignJWT({ sub: secret(random) })
        .setProtectedHeader({ alg: "HS256" })
        .sign(Buffer.from(JWT_SECRET));
      const basic = btoa(`ada:${password}`);
      const badBasic = btoa(`ada:${wrong}`);
      secrets.push(head, cookie, param, password, wrong, jwt, basic, badBasic, ...jwt.split("."));
      const attempts: [path: string, headers: Record<string, string>][] = [
        ["/x", { "x-key": head }],
        ["/x", { "x-key": wrong }],
        ["/x", { cookie: `a=b; session=${cookie}; jwt=${jwt}` }],
        ["/x", { cookie: `session=${wrong}; session=${cookie}` }],
        [`/x?a=b&key=${param}#${wrong}`, {}],
        [`/x?key=${wrong}&%6bey=${param}`, {}],
        ["/x", { authorization: `Basic ${basic}` }],
        ["/x", { authorization: `Basic ${badBasic}` }],
        ["/x", { authorization: `Bearer ${jwt}` }],
        ["/x", { authorization: `Bearer ${jwt}x`, "proxy-authorization": `Basic ${basic}` }],
        ["/x", { traceparent: wrong, tracestate: `k=${wrong}`, "x-realmgate-groups": wrong }],
        ["/x", { "x-forwarded-for": wrong, forwarded: `for=${wrong}`, "user-agent": wrong }],
        ["/x", { referer: `http://a/?key=${param}`, origin: `http://${wrong}` }],
        ["/x", { "x-key": head, upgrade: "websocket", connection: "upgrade" }],
      ];
      for (const [path, headers] of attempts) {
        const host = random.chance(0.1) ? `nobody.${PARENT}` : placed.host("terminal-1");
        const response = await ask(host, { via: proxy, path, headers });
        await response.text();
      }
      const authority = `http://ada:${password}@${placed.host("terminal-1")}`;
      const host = `ada:${password}@x`;
      await untilClosed(
        proxy.port,
        `GET ${authority}/x HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      );
    }
    expect(await scrape()).toBeDefined();
    const texts = [
      ...(await written()),
      ...logged.slice(before).map((entry) => JSON.stringify(entry)),
      await proxy.metrics.text(),
    ];
    expect(texts.length).toBeGreaterThan(300);
    for (const each of new Set(secrets.filter((text) => text.length > 8 && !isJwtHeader(text)))) {
      expect([seed, texts.filter((text) => text.includes(each))]).toEqual([seed, []]);
    }
  });
});

/** The same for everybody. */
function isJwtHeader(text: string): boolean {
  return text === Buffer.from('{"alg":"HS256"}').toString("base64url");
}
