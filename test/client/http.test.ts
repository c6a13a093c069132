import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { createServer } from "node:http";
import { inspect } from "node:util";
import { basic, bearer, type Credential } from "../../src/client/credential.ts";
import { ApiError, NetworkError } from "../../src/client/errors.ts";
import { HttpClient, type HttpOptions } from "../../src/client/http.ts";
import { selfSigned } from "../harness/certificate.ts";

type Handler = (request: Request) => Response | Promise<Response>;

let handle: Handler;
let seen: Request[] = [];
let server: ReturnType<typeof Bun.serve>;

beforeAll(() => {
  server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      seen.push(request);
      return handle(request);
    },
  });
});
beforeEach(() => {
  seen = [];
});
afterAll(() => server.stop(true));

const ok = (data: unknown, headers = {}) =>
  Response.json({ statusCode: 200, message: "Fine", data }, { headers });
const refusal = (status: number, code: string, headers = {}) =>
  Response.json(
    { statusCode: status, error: "No", message: `No: ${code}`, code },
    { status, headers },
  );
/** Answers in order; the last one for good. */
const inOrder = (...answers: (() => Response)[]): Handler => {
  let next = 0;
  return () => (answers[Math.min(next++, answers.length - 1)] as () => Response)();
};
const client = (options: Partial<HttpOptions> = {}) =>
  new HttpClient({ baseUrl: `http://127.0.0.1:${server.port}`, ...options });
const get = { method: "GET", path: "/api/v1/projects" };
const post = { method: "POST", path: "/api/v1/projects", body: { alias: "a" } };

async function failureOf(call: Promise<unknown>): Promise<ApiError | NetworkError> {
  const failure = await call.then(
    () => null,
    (error) => error,
  );
  if (failure instanceof ApiError || failure instanceof NetworkError) return failure;
  throw new Error(`neither: ${inspect(failure)}`);
}

describe("an answer", () => {
  test("is the envelope, with version and revision from the headers", async () => {
    handle = () => ok({ id: 1 }, { etag: '"file:v3"', "x-realmgate-revision": "r1" });
    expect<unknown>(await client().request(get)).toEqual({
      statusCode: 200,
      message: "Fine",
      data: { id: 1 },
      etag: "file:v3",
      revision: "r1",
    });
  });

  test("without data has null, and keeps what stands beside it", async () => {
    handle = () => Response.json({ statusCode: 200, message: "Fine", truncated: true });
    expect<unknown>(await client().request(get)).toEqual({
      statusCode: 200,
      message: "Fine",
      data: null,
      truncated: true,
    });
  });

  test("was asked for with query, body, version and credential", async () => {
    handle = async (request) => ok(await request.json());
    const query = { page: 2, enabled: false, realm_id: undefined, name: ["a b", "c"], no: null };
    const http = client({ credential: "hdy_secret" });
    const request = { ...post, method: "PATCH", query, ifMatch: "file:v1" };
    expect((await http.request(request)).data).toEqual({ alias: "a" });
    const [sent] = seen;
    expect(new URL(sent?.url ?? "").search).toBe("?page=2&enabled=false&name=a+b&name=c");
    expect([
      sent?.headers.get("authorization"),
      sent?.headers.get("if-match"),
      sent?.headers.get("content-type"),
    ]).toEqual(["Bearer hdy_secret", "file:v1", "application/json"]);
  });
});

describe("a refusal", () => {
  test("is an ApiError with code, violations, request and request id", async () => {
    const data = [{ instancePath: "/alias", message: "is too long" }];
    const body = { statusCode: 422, error: "E", message: "M", code: "VALIDATION_ERROR", data };
    handle = () => Response.json(body, { status: 422, headers: { "x-request-id": "abc" } });
    const failure = await failureOf(client().request(post));
    expect(failure).toMatchObject({
      name: "ApiError",
      statusCode: 422,
      code: "VALIDATION_ERROR",
      message: "M",
      data,
      violations: data,
      method: "POST",
      path: "/api/v1/projects",
      requestId: "abc",
    });
  });

  test.each([
    ["a page of something else", () => new Response("<html>"), 200, "NOT_THIS_API"],
    ["JSON of something else", () => Response.json({ ok: true }), 200, "NOT_THIS_API"],
    ["an error page", () => new Response("no", { status: 404 }), 404, "HTTP_404"],
    [
      "a redirect",
      () => Response.redirect("https://elsewhere.example/", 308),
      308,
      "UNEXPECTED_REDIRECT",
    ],
  ])("is an ApiError when what comes is %s", async (_what, answer, statusCode, code) => {
    handle = answer;
    expect(await failureOf(client().request(get))).toMatchObject({ statusCode, code });
    expect(seen).toHaveLength(1);
  });
});

describe("another attempt", () => {
  const busy = () => refusal(503, "UNAVAILABLE");

  test.each([
    ["a GET after 503", get, {}, busy, 2],
    [
      "a GET after 429 with Retry-After: 0",
      get,
      {},
      () => refusal(429, "R", { "retry-after": "0" }),
      2,
    ],
    ["a write that is said to be safe", { ...post, safe: true }, {}, busy, 2],
    ["no write", post, {}, busy, 1],
    ["no GET that is said to be unsafe", { ...get, safe: false }, {}, busy, 1],
    ["nothing when retries are off", get, { retries: 0 }, busy, 1],
    ["no GET after 404", get, {}, () => refusal(404, "PROJECT_NOT_FOUND"), 1],
    [
      "no GET that is asked to wait for a minute",
      get,
      {},
      () => refusal(429, "R", { "retry-after": "60" }),
      1,
    ],
  ])("is made for: %s", async (_what, request, options, first, calls) => {
    handle = inOrder(first, () => ok(1));
    await client(options)
      .request(request)
      .catch(() => null);
    expect(seen).toHaveLength(calls);
  });

  test("is made twice at most, then the refusal is handed on", async () => {
    handle = busy;
    expect(await failureOf(client().request(get))).toMatchObject({ code: "UNAVAILABLE" });
    expect(seen).toHaveLength(3);
  });

  test("is not waited for once the caller has given up", async () => {
    const given = new AbortController();
    handle = () => {
      queueMicrotask(() => given.abort());
      return refusal(503, "U", { "retry-after": "9" });
    };
    const failure = await failureOf(client().request({ ...get, signal: given.signal }));
    expect(failure).toMatchObject({ name: "NetworkError", kind: "aborted" });
  });
});

describe("a session that is over", () => {
  const expired = () => refusal(401, "TOKEN_EXPIRED");
  const renewing = (fresh: string) => {
    let token = "old";
    let renewals = 0;
    const credential: Credential = {
      authorization: () => `Bearer ${token}`,
      renew: async () => {
        renewals++;
        token = fresh;
        return true;
      },
    };
    return { credential, renewals: () => renewals };
  };

  test("is renewed once and the call made again, a write as well", async () => {
    handle = (request) =>
      request.headers.get("authorization") === "Bearer new" ? ok(1) : expired();
    const { credential, renewals } = renewing("new");
    expect((await client({ credential }).request<number>(post)).data).toBe(1);
    expect(renewals()).toBe(1);
  });

  test("is not renewed over and over", async () => {
    handle = expired;
    const { credential, renewals } = renewing("new");
    expect(await failureOf(client({ credential }).request(post))).toMatchObject({
      code: "TOKEN_EXPIRED",
    });
    expect([renewals(), seen.length]).toEqual([1, 2]);
  });

  test.each([
    ["a refusal for another reason", () => refusal(403, "INSUFFICIENT_PERMISSIONS")],
    ["a token that is switched off", () => refusal(401, "TOKEN_DISABLED")],
  ])("is not what ended: %s", async (_what, answer) => {
    handle = answer;
    const { credential, renewals } = renewing("new");
    await failureOf(client({ credential }).request(post));
    expect([renewals(), seen.length]).toEqual([0, 1]);
  });

  test("ends the call where there is nothing to renew", async () => {
    handle = expired;
    await failureOf(client({ credential: "hdy_x" }).request(get));
    expect(seen).toHaveLength(1);
  });
});

describe("no answer", () => {
  test("from a port where nothing listens", async () => {
    const closed = createServer().listen(0);
    const { port } = closed.address() as { port: number };
    await new Promise((done) => closed.close(done));
    const http = new HttpClient({ baseUrl: `http://127.0.0.1:${port}`, retries: 1 });
    expect(await failureOf(http.request(get))).toMatchObject({
      kind: "refused",
      message: `Nothing listens at http://127.0.0.1:${port}: is the server running there?`,
    });
  });

  test("from a host that does not exist", async () => {
    const http = new HttpClient({ baseUrl: "http://nowhere.invalid" });
    expect(await failureOf(http.request(get))).toMatchObject({ kind: "dns" });
  });

  test("from a server whose certificate does not verify", async () => {
    const { cert, key } = selfSigned();
    const tls = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      tls: { cert, key },
      fetch: () => ok(1),
    });
    try {
      const http = new HttpClient({ baseUrl: `https://localhost:${tls.port}` });
      const failure = await failureOf(http.request(get));
      expect(failure).toMatchObject({ kind: "certificate" });
      expect(failure.message).not.toContain("\n");
    } finally {
      await tls.stop(true);
    }
  });

  test("in time, neither its head nor the rest of its body", async () => {
    const never = new Promise<Response>(() => {});
    handle = () => never;
    const http = client({ timeoutMs: 50 });
    expect(await failureOf(http.request(get))).toMatchObject({ kind: "timeout" });
    handle = () =>
      new Response(
        new ReadableStream({
          async pull(to) {
            to.enqueue(new TextEncoder().encode("{"));
            await never;
          },
        }),
      );
    expect(await failureOf(http.request(get))).toMatchObject({ kind: "timeout" });
    expect(seen).toHaveLength(2);
  });

  test("because the caller gave up", async () => {
    const given = new AbortController();
    handle = () => {
      given.abort();
      return new Promise<Response>(() => {});
    };
    const failure = await failureOf(client().request({ ...get, signal: given.signal }));
    expect(failure).toMatchObject({ kind: "aborted" });
  });
});

describe("what is wrong before anything is sent", () => {
  test.each([
    ["ftp://api.example.com", "must be an http"],
    ["api.example.com", "must be an http"],
    ["https://user:pass@api.example.com", "must not carry credentials"],
    ["https://api.example.com/?a=b", "must not have a query"],
  ])("base URL %s", (baseUrl, message) => {
    expect(() => new HttpClient({ baseUrl })).toThrow(message);
  });

  test("a token or name that no header can carry", () => {
    expect(() => bearer("two words")).toThrow("a token is");
    expect(() => bearer("")).toThrow("a token is");
    expect(() => basic("a:b", "c")).toThrow("no colon");
  });

  test("a body that is no JSON is the caller's mistake, not the network's", async () => {
    const body: { self?: unknown } = {};
    body.self = body;
    await expect(client().request({ ...post, body })).rejects.toBeInstanceOf(TypeError);
  });
});

test("neither an error nor an inspected client shows a credential", async () => {
  handle = () => refusal(401, "INVALID_TOKEN");
  for (const credential of [bearer("hdy_topsecret"), basic("admin", "topsecret")]) {
    const http = client({ credential });
    const failure = await failureOf(http.request({ ...post, body: { password: "topsecret" } }));
    const away = new HttpClient({ baseUrl: "http://127.0.0.1:9", credential, retries: 0 });
    const network = await failureOf(away.request(post));
    for (const thing of [http, credential, failure, network]) {
      for (const text of [
        Bun.inspect(thing),
        inspect(thing, { depth: 9, showHidden: true }),
        JSON.stringify(thing),
      ]) {
        expect(text).not.toMatch(/topsecret|dG9wc2VjcmV0|YWRtaW46/);
      }
    }
  }
});
