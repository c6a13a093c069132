import { afterAll, describe, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { SignJWT } from "jose";
import { AliasStateSchema } from "../../proto/gen/realmgate/v1/feed_pb.ts";
import { PARENT } from "../harness/change-registry.ts";
import { code, echo, echoed, ip, LOCAL, type Placed, testBench } from "../harness/proxy-bench.ts";
import { until } from "../harness/until.ts";

const { ask, behindTrusted, listen, listening, place, proxy } = await testBench();

/** A program that answers in ways of its own; others are echoed. */
const program = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 0,
  async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === "/to") {
      const status = Number(url.searchParams.get("status") ?? 302);
      const location = url.searchParams.get("location") ?? "";
      return new Response("moved", { status, headers: { location } });
    }
    if (url.pathname === "/bytes") {
      return new Response(new Uint8Array(Number(url.searchParams.get("n"))).fill(255));
    }
    if (url.pathname === "/page") {
      const headers = new Headers({
        "content-type": "text/html",
        "x-own": "kept",
        "strict-transport-security": "max-age=1",
        "www-authenticate": "Basic",
        "content-security-policy": "default-src *",
        "clear-site-data": "*",
        refresh: "0;url=//evil.test",
        "service-worker-allowed": "/",
      });
      headers.append("set-cookie", "a=1");
      headers.append("set-cookie", "b=2");
      return new Response("<script>alert(1)</script>", { status: 203, headers });
    }
    return echo(request);
  },
});
afterAll(() => program.stop(true));

const open = () => place({ programs: { terminal: program.port ?? 0 } });

type Fields = Record<string, string>;

function link(placed: Placed, fields: Fields, init: Parameters<typeof ask>[1] = {}) {
  const path = `/proxy?${new URLSearchParams(fields)}`;
  return ask(placed.host("curl-1"), { ...init, path });
}

function call(placed: Placed, fields: Fields, init: Parameters<typeof ask>[1] = {}) {
  const path = `/api/v1/curl/request?${new URLSearchParams(fields)}`;
  return ask(placed.host("curl-1"), { ...init, path });
}

interface Told {
  success: boolean;
  job_id: string;
  status_code: number;
  headers: Record<string, string>;
  body: string;
  is_binary: boolean;
  timing: { total_ms: number };
  metadata: { url: string | null; method: string; redirects: number };
}

async function told(response: Response): Promise<Told> {
  expect(response.status).toBe(200);
  return (await response.json()) as Told;
}

const terminal = (placed: Placed, path = "/") => `https://${placed.host("terminal-1")}${path}`;

const secret = "customer-jwt-secret";
const jwt = () =>
  new SignJWT({ sub: "u" })
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(secret));

describe("the seed's link", () => {
  const own = {
    groups: {
      here: LOCAL,
      users: { type: "jwt", secret, algorithm: "HS256", sources: ["header:Authorization"] },
    },
    permissions: { here: { curl: true }, users: { terminal: true } },
    default: "deny",
  };

  test("makes the request that a client with headers would make", async () => {
    const placed = await place({ own, programs: { terminal: program.port ?? 0 } });
    const token = await jwt();
    const path = `/proxy?url=${terminal(placed, "/execute")}&method=POST&auth=Bearer%20${token}&body={"command":"ls -la"}`;
    const response = await ask(placed.host("curl-1"), { path });
    const echo = await echoed(response);
    expect([echo.method, echo.target, echo.body]).toEqual([
      "POST",
      "/execute",
      '{"command":"ls -la"}',
    ]);
    expect(echo.headers).toMatchObject({
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      "content-length": "20",
      host: placed.host("terminal-1"),
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": "https",
      "x-realmgate-program": "terminal",
      "x-realmgate-groups": "users",
      "x-realmgate-request-id": response.headers.get("x-realmgate-request-id") ?? "?",
    });
  });

  test("needs the permission of the program it calls, and of curl", async () => {
    const placed = await place({ own, programs: { terminal: program.port ?? 0 } });
    const fields = { url: terminal(placed), auth: `Bearer ${await jwt()}` };
    expect((await link(placed, fields)).status).toBe(200);
    const without = await link(placed, { url: terminal(placed) });
    expect(without.headers.get("www-authenticate")).toBeNull();
    expect(await code(without)).toEqual([401, "not_granted"]);
    expect((await link(placed, { ...fields, auth: "Bearer x.y.z" })).status).toBe(403);
    await placed.change({ own: { ...own, permissions: { users: { terminal: true } } } });
    expect(await code(await link(placed, fields))).toEqual([403, "not_granted"]);
    await placed.change({ own: { ...own, permissions: { here: { curl: 2 } } } });
    expect((await link(placed, fields)).status).toBe(403);
  });

  test("is opened by an alias that holds all of it", async () => {
    const placed = await open();
    const alias = create(AliasStateSchema, {
      alias: `deploy${placed.container.slice(20)}`,
      program: "curl",
      instance: 1,
      targetPath: `/proxy?url=${encodeURIComponent(terminal(placed, "/deploy"))}&method=POST`,
      enabled: true,
    });
    await placed.change({
      programs: { terminal: program.port ?? 0 },
      state: { aliases: [alias] },
    });
    const echo = await echoed(await ask(`${alias.alias}.${PARENT}`));
    expect([echo.method, echo.target]).toEqual(["POST", "/deploy"]);
    expect((await ask(`${alias.alias}.${PARENT}`, { path: "/x" })).status).toBe(404);
    for (const path of [
      "/?url=https://evil.test/",
      "/?method=DELETE",
      "/?header=x-more:%201",
      "/?data=more",
      "/?response=json",
      "/proxy?response=json",
    ]) {
      const changed = await ask(`${alias.alias}.${PARENT}`, { path });
      expect(await code(changed)).toEqual([404, "unknown_host"]);
    }
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ url: terminal(placed, "/deploy"), method: "DELETE" });
    for (const method of ["POST", "PUT", "DELETE"]) {
      const replaced = await ask(`${alias.alias}.${PARENT}`, { method, headers, body });
      expect(await code(replaced)).toEqual([404, "unknown_host"]);
    }
  });
});

describe("B6 an alias that says the url of a call", () => {
  /** An alias to a link with this hidden url and more; the query that a visitor adds. */
  async function visited(hidden: string, more: string, query = "") {
    const placed = await open();
    const url = encodeURIComponent(terminal(placed, hidden));
    const alias = create(AliasStateSchema, {
      alias: `hidden${placed.container.slice(20)}`,
      program: "curl",
      instance: 1,
      targetPath: `/api/v1/curl/request?url=${url}${more}`,
      allowPathOverride: query !== "",
      enabled: true,
    });
    const programs = { terminal: program.port ?? 0 };
    await placed.change({ programs, state: { aliases: [alias] } });
    return { placed, response: await ask(`${alias.alias}.${PARENT}`, { path: `/${query}` }) };
  }

  test.each([
    ["locked", ""],
    ["open", "?timeout=9"],
    ["open, with an answer as JSON that the visitor asks for", "?response=json"],
  ])("shows neither it nor its query: %s", async (_what, query) => {
    const { response } = await visited("/api/s3cret-path?key=s3cret", "", query);
    const { status_code, metadata } = await told(response);
    expect(status_code).toBe(200);
    expect(metadata).toEqual({ url: null, method: "GET", redirects: 0 });
  });

  test("nor after a redirect", async () => {
    const { response } = await visited(`/to?location=${encodeURIComponent("/x?key=s3cret")}`, "");
    expect((await told(response)).metadata).toEqual({ url: null, method: "GET", redirects: 1 });
  });

  test.each(["/x", "", "#x", "?a=1", "../y"])(
    "nor in a redirect to %j that is not to be followed",
    async (location) => {
      const hidden = `/to?location=${encodeURIComponent(location)}&key=s3cret`;
      const { placed, response } = await visited(hidden, "&follow_redirects=false");
      const text = await response.text();
      expect(text).not.toContain("s3cret");
      expect(text).not.toContain(placed.container);
      const seen = await visited(hidden, "", "?follow_redirects=false&response=transparent");
      expect(seen.response.status).toBe(302);
      expect(seen.response.headers.get("location")).toBe(location);
    },
  );

  test("but the url that its visitor says is shown", async () => {
    const placed = await open();
    const alias = create(AliasStateSchema, {
      alias: `asked${placed.container.slice(20)}`,
      program: "curl",
      instance: 1,
      targetPath: "/api/v1/curl/request?timeout=9",
      allowPathOverride: true,
      enabled: true,
    });
    const programs = { terminal: program.port ?? 0 };
    await placed.change({ programs, state: { aliases: [alias] } });
    const url = terminal(placed, "/mine?a=1");
    const path = `/?url=${encodeURIComponent(url)}`;
    expect((await told(await ask(`${alias.alias}.${PARENT}`, { path }))).metadata.url).toBe(url);
  });
});

describe("a call", () => {
  test("in JSON tells status, headers and body", async () => {
    const placed = await open();
    const response = await call(placed, { url: terminal(placed, "/page") });
    const answer = await told(response);
    expect(answer).toEqual({
      success: true,
      job_id: response.headers.get("x-realmgate-request-id") ?? "?",
      status_code: 203,
      headers: expect.objectContaining({ "x-own": "kept", "content-type": "text/html" }),
      body: "<script>alert(1)</script>",
      is_binary: false,
      timing: { total_ms: expect.any(Number) },
      metadata: { url: terminal(placed, "/page"), method: "GET", redirects: 0 },
    });
    expect(Object.keys(answer.headers)).not.toContain("set-cookie");
  });

  test("in JSON has bytes that are no text in base64", async () => {
    const placed = await open();
    const answer = await told(await call(placed, { url: terminal(placed, "/bytes?n=3") }));
    expect([answer.body, answer.is_binary]).toEqual(["////", true]);
  });

  test("in JSON is 502 when the answer is over 1 MiB", async () => {
    const placed = await open();
    const url = (n: number) => ({ url: terminal(placed, `/bytes?n=${n}`) });
    const most = await told(await call(placed, url(1_048_576)));
    expect(Buffer.from(most.body, "base64").length).toBe(1_048_576);
    expect(await code(await call(placed, url(1_048_577)))).toEqual([502, "answer_too_large"]);
    const whole = await call(placed, { ...url(8_388_608), response: "transparent" });
    expect((await whole.arrayBuffer()).byteLength).toBe(8_388_608);
  });

  test("by POST takes what to do from JSON", async () => {
    const placed = await open();
    const ask = (body: unknown, type = "application/json") =>
      call(
        placed,
        {},
        { method: "POST", body: JSON.stringify(body), headers: { "content-type": type } },
      );
    const echo = await echoed(
      await ask({ url: terminal(placed, "/x"), json: { a: 1 }, header: ["X-A: 1"] }),
    );
    expect([echo.method, echo.body, echo.headers["x-a"]]).toEqual(["POST", '{"a":1}', "1"]);
    expect((await told(await ask({ url: terminal(placed), response: "json" }))).status_code).toBe(
      200,
    );
    expect(await code(await ask({ url: terminal(placed) }, "text/plain"))).toEqual([
      400,
      "curl_bad_call",
    ]);
    expect(await code(await ask([]))).toEqual([400, "curl_bad_call"]);
    expect(await code(await ask({ url: "x".repeat(262_144) }))).toEqual([
      413,
      "curl_call_too_large",
    ]);
  });

  test("sends binary bodies and any method", async () => {
    const placed = await open();
    for (const method of ["PUT", "PATCH", "DELETE", "OPTIONS"]) {
      const echo = await echoed(
        await link(placed, { url: terminal(placed), method, data_base64: "AAEC" }),
      );
      expect([echo.method, echo.body]).toEqual([method, "\0\x01\x02"]);
    }
    const head = await told(await call(placed, { url: terminal(placed), method: "HEAD" }));
    expect([head.status_code, head.body]).toEqual([200, ""]);
  });

  test.each([
    ["has a length", "Content-Length: 1000"],
    ["has none", "Transfer-Encoding: chunked"],
  ])("by HEAD ends with the answer's head, which %s", async (_what, line) => {
    const port = await listen((socket) =>
      socket.on("data", () => socket.write(`HTTP/1.1 200 OK\r\nX-Own: kept\r\n${line}\r\n\r\n`)),
    );
    const placed = await place({ programs: { terminal: port } });
    const fields = { url: terminal(placed), method: "HEAD" };
    // More than are kept at a time.
    for (let n = 0; n < 9; n++) {
      const { status_code, body, headers } = await told(await call(placed, fields));
      expect([status_code, body, headers["x-own"]]).toEqual([200, "", "kept"]);
    }
    const answer = await link(placed, fields);
    expect([answer.status, answer.headers.get("x-own")]).toEqual([200, "kept"]);
    expect([answer.headers.get("content-length") ?? "0", await answer.text()]).toEqual(["0", ""]);
  });

  test("says what is wrong with it, and nothing of what it holds", async () => {
    const placed = await open();
    const response = await call(placed, { url: terminal(placed), auth: "s3cret\n" });
    const text = await response.text();
    expect(response.status).toBe(400);
    expect(text).toContain("header is `Name: value`");
    expect(text).not.toContain("s3cret");
  });

  test.each([
    ["/", "GET", 404, "curl_no_route"],
    ["/proxy/", "GET", 404, "curl_no_route"],
    ["/api/v1/curl/jobs", "GET", 404, "curl_no_route"],
    ["/proxy", "PUT", 405, "curl_method"],
    ["/proxy", "DELETE", 405, "curl_method"],
    ["/proxy", "GET", 400, "curl_bad_call"],
  ])("to %s by %s is %i %s", async (path, method, status, reason) => {
    const placed = await open();
    const response = await ask(placed.host("curl-1"), { path, method });
    expect(response.headers.get("allow")).toBe(status === 405 ? "GET, POST" : null);
    expect(await code(response)).toEqual([status, reason]);
  });

  test("by HEAD does nothing", async () => {
    const placed = await open();
    const url = encodeURIComponent(terminal(placed));
    const head = await ask(placed.host("curl-1"), { path: `/proxy?url=${url}`, method: "HEAD" });
    expect(head.status).toBe(405);
  });

  test("that a page embeds or fetches is refused; one that is opened is not", async () => {
    const placed = await open();
    const as = (dest: string, mode: string) =>
      link(
        placed,
        { url: terminal(placed) },
        {
          headers: {
            "sec-fetch-site": "cross-site",
            "sec-fetch-mode": mode,
            "sec-fetch-dest": dest,
          },
        },
      );
    expect(await code(await as("image", "no-cors"))).toEqual([403, "curl_embedded"]);
    expect((await as("document", "navigate")).status).toBe(200);
  });

  test("is 504 when its time is over, as JSON and as it comes", async () => {
    const silent = await listen(() => {});
    const placed = await place({ programs: { terminal: silent } });
    for (const response of ["json", "transparent"]) {
      const fields = { url: terminal(placed), response, timeout: "0.05" };
      expect(await code(await call(placed, fields))).toEqual([504, "curl_timeout"]);
    }
  });

  test("is 504 when the rest of the answer does not come in its time", async () => {
    const port = await listen((socket) =>
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\nha"),
    );
    const placed = await place({ programs: { terminal: port } });
    const fields = { url: terminal(placed), timeout: "0.05" };
    expect(await code(await call(placed, fields))).toEqual([504, "curl_timeout"]);
  });

  test("to a program that is not there says so as any client is told", async () => {
    const placed = await place({ programs: { terminal: 1 } });
    expect(await code(await link(placed, { url: terminal(placed) }))).toEqual([
      502,
      "upstream_unreachable",
    ]);
    const answer = await told(await call(placed, { url: terminal(placed) }));
    expect([answer.status_code, JSON.parse(answer.body).code]).toEqual([
      502,
      "upstream_unreachable",
    ]);
  });
});

describe("what belongs to the reader stays out of the call", () => {
  test("cookies, authorization and headers do not go along", async () => {
    const placed = await open();
    const headers = {
      cookie: "session=s3cret",
      authorization: "Basic s3cret",
      "x-own": "s3cret",
      referer: "http://s3cret/",
      "accept-language": "eo",
    };
    const echo = await echoed(await link(placed, { url: terminal(placed) }, { headers }));
    expect(JSON.stringify(echo)).not.toContain("s3cret");
    expect(echo.headers["accept-language"]).toBe("eo");
  });

  test("what the answer says to a browser about its host does not come back", async () => {
    const placed = await open();
    const response = await link(placed, { url: terminal(placed, "/page") });
    expect([response.status, await response.text()]).toEqual([203, "<script>alert(1)</script>"]);
    const headers = Object.fromEntries(response.headers);
    expect(headers).toMatchObject({
      "content-type": "text/html",
      "x-own": "kept",
      "content-security-policy": "sandbox",
      "referrer-policy": "no-referrer",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    });
    for (const name of [
      "set-cookie",
      "www-authenticate",
      "strict-transport-security",
      "clear-site-data",
      "refresh",
      "service-worker-allowed",
    ]) {
      expect(Object.keys(headers)).not.toContain(name);
    }
  });

  test("nobody gets another address by it: the client is judged, not the gate", async () => {
    const own = {
      groups: { office: ip("203.0.113.0/24") },
      permissions: { office: { terminal: true, curl: true } },
      default: "deny",
    };
    const placed = await place({ own, programs: { terminal: program.port ?? 0 } });
    const from = (address: string, fields: Fields = {}) =>
      link(
        placed,
        { url: terminal(placed), ...fields },
        { via: behindTrusted, headers: { "x-forwarded-for": address } },
      );
    const echo = await echoed(await from("203.0.113.9"));
    expect(echo.headers["x-forwarded-for"]).toBe("203.0.113.9");
    expect((await from("198.51.100.1")).status).toBe(403);
    await placed.change({
      own: { ...own, permissions: { office: { terminal: true } }, default: "allow" },
    });
    expect((await from("198.51.100.1")).status).toBe(200);
    await placed.change({
      own: {
        groups: { office: ip("203.0.113.0/24"), any: ip("0.0.0.0/0") },
        permissions: { office: { terminal: true }, any: { curl: true } },
        default: "deny",
      },
    });
    for (const header of ["X-Forwarded-For: 203.0.113.9", "Forwarded: for=203.0.113.9"]) {
      expect((await from("198.51.100.1", { header })).status).toBe(403);
    }
  });

  test("headers that only we set cannot be given, not even behind a proxy that we trust", async () => {
    const placed = await open();
    const url = terminal(placed);
    const headers = { "x-forwarded-for": "203.0.113.9" };
    for (const header of [
      "X-Realmgate-Groups: admins",
      "X-Forwarded-For: 192.0.2.1",
      "X-Forwarded-Proto: gopher",
      "X_Forwarded_Host: evil.test",
    ]) {
      const answer = await link(placed, { url, header }, { via: behindTrusted, headers });
      const echo = await echoed(answer);
      expect(Object.keys(echo.headers)).not.toContain("x-realmgate-groups");
      expect(Object.keys(echo.headers)).not.toContain("x_forwarded_host");
      expect(echo.headers).toMatchObject({
        "x-forwarded-for": "203.0.113.9",
        "x-forwarded-proto": "https",
        "x-forwarded-host": placed.host("terminal-1"),
      });
    }
  });

  test("a parameter that let the reader in is none of the call's", async () => {
    const own = {
      groups: { links: { type: "token", value: "s3cret", param: "auth" } },
      permissions: { links: { curl: true } },
      default: "deny",
    };
    const placed = await place({ own });
    const target = await open();
    const echo = await echoed(await link(placed, { url: terminal(target), auth: "s3cret" }));
    expect(Object.keys(echo.headers)).not.toContain("authorization");
  });
});

describe("a call leads nowhere but through this gate", () => {
  test("whatever the url says: nothing else is dialled", async () => {
    let dialled = 0;
    const port = await listen(() => {
      dialled++;
    });
    const placed = await open();
    const host = placed.host("terminal-1");
    for (const url of [
      `http://127.0.0.1:${port}/`,
      `http://localhost:${port}/`,
      `http://[::1]:${port}/`,
      `http://${host}@127.0.0.1:${port}/`,
      `http://127.0.0.1:${port}\\@${host}/`,
      `http://${host}:${port}/`,
      `http://127.0.0.1:${proxy.port}/`,
      `http://${host}.:${port}/`,
      `http://other.${PARENT.replace("local", "other")}/`,
    ]) {
      for (const asked of [call, link]) {
        expect(await code(await asked(placed, { url }))).toEqual([403, "curl_url"]);
      }
    }
    expect(dialled).toBe(0);
    expect((await link(placed, { url: `http://${host}:${proxy.port}/` })).status).toBe(200);
  });

  test("a container behind a listener of ours is refused as to any client", async () => {
    const placed = await place({ programs: { terminal: 9 } });
    expect(await code(await link(placed, { url: terminal(placed) }))).toEqual([503, "no_upstream"]);
  });

  test("a call in a call is refused, by name and by alias", async () => {
    const placed = await open();
    const alias = `self${placed.container.slice(20)}`;
    const state = create(AliasStateSchema, {
      alias,
      program: "curl",
      instance: 1,
      allowPathOverride: true,
      enabled: true,
    });
    await placed.change({ programs: { terminal: program.port ?? 0 }, state: { aliases: [state] } });
    const inner = `/proxy?${new URLSearchParams({ url: terminal(placed) })}`;
    for (const host of [placed.host("curl-1"), placed.host("curl-7"), `${alias}.${PARENT}`]) {
      for (const asked of [call, link]) {
        const response = await asked(placed, { url: `https://${host}${inner}` });
        expect(await code(response)).toEqual([403, "curl_nested"]);
      }
    }
    const moved = terminal(placed, `/to?location=https://${placed.host("curl-1")}/proxy`);
    expect(await code(await link(placed, { url: moved }))).toEqual([403, "curl_nested"]);
  });
});

describe("a redirect", () => {
  const moved = (placed: Placed, location: string, status = 302) =>
    terminal(placed, `/to?${new URLSearchParams({ location, status: String(status) })}`);

  test("within the gate is followed, and judged anew", async () => {
    const placed = await open();
    const other = await place({ own: { default: "deny" } });
    const answer = await told(await call(placed, { url: moved(placed, "/here?a=1") }));
    expect(JSON.parse(answer.body).target).toBe("/here?a=1");
    expect(answer.metadata).toEqual({
      url: terminal(placed, "/here?a=1"),
      method: "GET",
      redirects: 1,
    });
    expect(await code(await link(placed, { url: moved(placed, terminal(other)) }))).toEqual([
      403,
      "denied",
    ]);
  });

  test.each([
    [301, "GET", ""],
    [302, "GET", ""],
    [303, "GET", ""],
    [307, "POST", "{}"],
    [308, "POST", "{}"],
  ])("of status %i makes a POST a %s", async (status, method, body) => {
    const placed = await open();
    const echo = await echoed(
      await link(placed, { url: moved(placed, "/x", status), body: "{}", header: "X-A: 1" }),
    );
    expect([echo.method, echo.body, echo.headers["x-a"]]).toEqual([method, body, "1"]);
    expect(echo.headers["content-type"]).toBe(body === "" ? undefined : "application/json");
  });

  test("to another host of the gate takes no credentials along", async () => {
    const placed = await open();
    const other = await open();
    const fields = { auth: "Bearer s3cret", header: "X-Api-Key: s3cret" };
    const away = await link(placed, { url: moved(placed, terminal(other, "/x"), 307), ...fields });
    expect(JSON.stringify(await echoed(away))).not.toContain("s3cret");
    const here = await link(placed, { url: moved(placed, "/x"), ...fields });
    expect((await echoed(here)).headers["x-api-key"]).toBe("s3cret");
  });

  test.each([
    "https://evil.test/",
    "//evil.test/",
    "file:///etc/passwd",
    "http://127.0.0.1:9090/metrics",
    "http://localhost/",
    "http://[::1]/",
    "javascript:alert(1)",
    "http://",
    "https:\\\\evil.test\\",
  ])("away to %s is not followed", async (location) => {
    const placed = await open();
    const url = moved(placed, location);
    expect(await code(await link(placed, { url }))).toEqual([403, "curl_redirect"]);
    const follow_redirects = "false";
    expect((await link(placed, { url, follow_redirects })).status).toBe(403);
    const answer = await told(await call(placed, { url }));
    expect([answer.status_code, answer.headers.location, answer.body]).toEqual([
      302,
      location,
      "moved",
    ]);
  });

  test("that is not to be followed comes back with its whole address", async () => {
    const placed = await open();
    const fields = { url: moved(placed, "/x"), follow_redirects: "false" };
    const response = await link(placed, fields);
    expect([response.status, response.headers.get("location")]).toEqual([
      302,
      terminal(placed, "/x"),
    ]);
  });

  test("after five others is one too many", async () => {
    const placed = await open();
    const chain = (hops: number): string =>
      hops === 0 ? terminal(placed, "/end") : moved(placed, chain(hops - 1));
    expect((await echoed(await link(placed, { url: chain(5) }))).target).toBe("/end");
    expect(await code(await link(placed, { url: chain(6) }))).toEqual([502, "curl_redirects"]);
  });
});

describe("a container", () => {
  test("that has a port for curl answers itself", async () => {
    const placed = await place({ programs: { curl: program.port ?? 0 } });
    const echo = await echoed(await link(placed, { url: "http://anywhere.test/" }));
    expect(echo.target).toStartWith("/proxy?url=");
  });

  test("that does not run has no curl either", async () => {
    const placed = await place({ state: { running: false } });
    const other = await open();
    expect(await code(await link(placed, { url: terminal(other) }))).toEqual([503, "no_container"]);
    await other.change({ projectDisabled: true });
    expect(await code(await link(other, { url: terminal(other) }))).toEqual([503, "disabled"]);
  });

  test("has at most eight calls kept whole at a time", async () => {
    const silent = await listen(() => {});
    const placed = await place({ programs: { terminal: silent } });
    const other = await open();
    const fields = { url: terminal(placed), timeout: "5" };
    const abort = new AbortController();
    const waiting = Array.from({ length: 8 }, () =>
      call(placed, fields, { signal: abort.signal }).catch(() => null),
    );
    const connections = () =>
      new Promise<number>((resolve) =>
        listening.at(-1)?.getConnections((_error, count) => resolve(count)),
      );
    await until(async () => (await connections()) >= 8, "eight calls are under way");
    expect(await code(await call(placed, fields))).toEqual([503, "curl_busy"]);
    expect((await call(other, { url: terminal(other) })).status).toBe(200);
    abort.abort();
    await Promise.all(waiting);
    const answer = await until(async () => {
      const next = await call(placed, { url: terminal(other) });
      return next.status !== 503 && next;
    }, "there is room again");
    expect(answer.status).toBe(200);
  });
});
