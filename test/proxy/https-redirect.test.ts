// REALMGATE_HTTPS_REDIRECT: the plain listener sends clients to HTTPS, the gate's own hosts only, and nobody in a circle.
import { afterAll, describe, expect, test } from "bun:test";
import { type ProxyServer, startProxy } from "../../src/proxy/proxy.ts";
import { PARENT } from "../harness/change-registry.ts";
import { LOCAL, testBench } from "../harness/proxy-bench.ts";
import { PairFiles, pairFor } from "../harness/tls-bench.ts";
import { answerTo } from "../harness/wire.ts";

const bench = await testBench();
const files = new PairFiles();
files.write(pairFor());
const placed = await bench.place({
  own: { groups: { all: LOCAL }, permissions: { all: { terminal: true } } },
});
const host = placed.host("terminal-1");
const started: ProxyServer[] = [];
afterAll(() => Promise.all(started.map((each) => each.stop(true))));

async function start(options: Parameters<typeof bench.options>[0]): Promise<ProxyServer> {
  const tls = files.options({ hstsMaxAgeS: 60 });
  const proxy = await startProxy(bench.options({ tls, ...options }), bench.registry);
  await proxy.reached(bench.registry.revision, 10_000);
  started.push(proxy);
  return proxy;
}

interface Asked {
  readonly method?: string;
  readonly target?: string;
  readonly hostLine?: string;
  readonly lines?: readonly string[];
  readonly body?: string;
}

async function ask(proxy: ProxyServer, asked: Asked = {}) {
  const { method = "GET", target = "/", hostLine = host, lines = [], body = "" } = asked;
  const length = body === "" ? [] : [`Content-Length: ${body.length}`];
  const head = [`${method} ${target} HTTP/1.1`, `Host: ${hostLine}`, ...lines, ...length];
  const answer = await answerTo(proxy.port, `${head.join("\r\n")}\r\n\r\n${body}`);
  if (answer === null) throw new Error("no answer");
  return answer;
}

describe.each(["wire", "serve"] as const)("the edge %s", async (plainEdge) => {
  const proxy = await start({ plainEdge, httpsRedirect: "listener" });
  const known = await start({ plainEdge, httpsRedirect: 443, trustedProxies: ["127.0.0.0/8"] });
  const here = `https://${host}:${proxy.tls?.port}`;

  test.each<[string, Asked, string]>([
    ["a page", {}, "/"],
    ["a query, as it is", { target: "/a%2Fb?x=%20&y=/" }, "/a%2Fb?x=%20&y=/"],
    ["a method with a body", { method: "POST", target: "/form", body: "a=1" }, "/form"],
    ["a host with a port, in capitals", { hostLine: `${host.toUpperCase()}:8000` }, "/"],
    ["two slashes, which name no host", { target: "//evil.example/x" }, "//evil.example/x"],
    ["a path beside that of challenges", { target: "/.well-known/acme-challenge/../x" }, ""],
  ])("sends %s to the same place over HTTPS", async (_what, asked, path) => {
    const { status, headers } = await ask(proxy, asked);
    expect(status).toBe(308);
    expect(headers.get("location")).toStartWith(`${here}${path}`);
    expect(new URL(headers.get("location") ?? "").host).toBe(new URL(here).host);
    expect(headers.get("strict-transport-security")).toBeUndefined();
  });

  test("leaves out the port that HTTPS has by itself", async () => {
    expect((await ask(known)).headers.get("location")).toBe(`https://${host}/`);
  });

  test("says the same for a container that does not exist", async () => {
    const nowhere = `${"0".repeat(24)}-${"0".repeat(24)}-terminal-1.${PARENT}`;
    const { status, headers } = await ask(proxy, { hostLine: nowhere });
    expect([status, headers.get("location")]).toEqual([
      308,
      `https://${nowhere}:${proxy.tls?.port}/`,
    ]);
  });

  test.each([
    ["another domain", "evil.example", 404],
    ["the parent domain alone", PARENT, 404],
    ["a server of another name", host.replace(".local.", ".other."), 503],
    ["a malformed host", `${host}@evil.example`, 400],
    ["a host with a path", `evil.example/${host}`, 400],
  ])("sends nobody to %s", async (_what, hostLine, status) => {
    const answer = await ask(proxy, { hostLine });
    expect([answer.status, answer.headers.get("location")]).toEqual([status, undefined]);
  });

  test("serves the challenge of a certificate authority, by the ordinary rules", async () => {
    const target = "/.well-known/acme-challenge/Yx_-9";
    expect((await ask(proxy, { target })).status).toBe(200);
    expect((await ask(proxy, { target, method: "POST" })).status).toBe(308);
  });

  test("believes a trusted proxy that the request came over HTTPS, and no one else", async () => {
    const lines = ["X-Forwarded-Proto: https", "X-Forwarded-For: 127.0.0.1"];
    expect((await ask(known, { lines })).status).toBe(200);
    expect((await ask(proxy, { lines })).status).toBe(308);
    expect((await ask(known, { lines: ["X-Forwarded-Proto: http"] })).status).toBe(308);
  });

  test("does not redirect over HTTPS", async () => {
    const answer = await fetch(`https://127.0.0.1:${proxy.tls?.port}/`, {
      headers: { host },
      redirect: "manual",
      tls: { rejectUnauthorized: false },
    });
    expect(answer.status).toBe(200);
  });
});

test("without a plain listener there is the one with TLS alone", async () => {
  const proxy = await start({ plain: false });
  expect([proxy.plain, proxy.port]).toEqual([null, proxy.tls?.port ?? 0]);
});

test("a data plane without any listener does not start", async () => {
  const options = bench.options({ plain: false, tls: null });
  await expect(startProxy(options, bench.registry)).rejects.toThrow("no listener");
});
