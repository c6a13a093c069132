// Clients of the REST listener that upload what is refused, or too slowly, and those that come around the listener.
import { afterAll, describe, expect, test } from "bun:test";
import { unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApiError, type Call, type Dispatch } from "../../proto/call.ts";
import { ErrorCode } from "../../proto/gen/realmgate/v1/errors_pb.ts";
import { startRest } from "../../src/gateway-rest/server.ts";
import { trustedProxies } from "../../src/proxy/gate/client-address.ts";
import { allServices } from "../harness/rest-services.ts";
import { Wire } from "../harness/wire.ts";

const calls: Call[] = [];
/** What a caller with this credential is refused with, before its body is read. */
const refusals: Readonly<Record<string, ErrorCode>> = {
  none: ErrorCode.MISSING_TOKEN,
  weak: ErrorCode.INSUFFICIENT_PERMISSIONS,
  lost: ErrorCode.PROJECT_NOT_FOUND,
};

const dispatch: Dispatch = async (call) => {
  calls.push(call);
  const code = refusals[call.credential ?? "none"] ?? (await codeOfMessage(call));
  return { ok: false, code, violations: [], retryAfterS: null };
};

async function codeOfMessage(call: Call): Promise<ErrorCode> {
  try {
    await call.message();
    return ErrorCode.CONTAINER_NOT_FOUND;
  } catch (error) {
    if (error instanceof ApiError) return error.code;
    throw error;
  }
}

function start(more: Partial<Parameters<typeof startRest>[0]> = {}) {
  const server = startRest({
    hostname: "127.0.0.1",
    port: 0,
    services: allServices,
    dispatch,
    proxies: trustedProxies([]),
    log: { error: (fields) => console.error(fields) },
    ...more,
  });
  afterAll(() => server.stop());
  return server;
}

const server = start();
const path = "/api/v1/projects";

/** Uploads with a client of its own process; what it saw: `413`, or how it failed. */
type Upload = (
  credential: string,
  megabytes: number,
  type: string,
  expect: boolean,
) => Promise<string>;

async function output(
  command: readonly string[],
  stdin: Uint8Array | null = null,
): Promise<string> {
  const child = Bun.spawn([...command], {
    stdin: stdin ?? "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return out.trim() || err.trim();
}

const url = `http://127.0.0.1:${server.port}${path}`;

const curl: Upload = async (credential, megabytes, type, expects) => {
  const file = join(tmpdir(), `upload-${process.pid}-${megabytes}-${credential}`);
  await Bun.write(file, new Uint8Array(megabytes << 20));
  const seen = await output([
    "curl",
    "-sS",
    "-o",
    "/dev/null",
    "-w",
    "%{http_code}",
    "-H",
    `Authorization: ${credential}`,
    "-H",
    `Content-Type: ${type}`,
    "-H",
    expects ? "Expect: 100-continue" : "Expect:",
    "--data-binary",
    `@${file}`,
    url,
  ]);
  unlinkSync(file);
  return seen;
};

const nodeFetch: Upload = (credential, megabytes, type) =>
  output([
    "node",
    "-e",
    `fetch(${JSON.stringify(url)}, { method: "POST", body: new Uint8Array(${megabytes} << 20),
      headers: { authorization: ${JSON.stringify(credential)}, "content-type": ${JSON.stringify(type)} } })
      .then(async (r) => { await r.text(); console.log(r.status); }, (e) => console.log(e.cause?.code ?? e));`,
  ]);

const python: Upload = (credential, megabytes, type, expects) =>
  output([
    "python3",
    "-c",
    `import http.client
c = http.client.HTTPConnection("127.0.0.1", ${server.port})
h = {"Authorization": ${JSON.stringify(credential)}, "Content-Type": ${JSON.stringify(type)}}
if ${expects ? "True" : "False"}: h["Expect"] = "100-continue"
try:
    c.request("POST", ${JSON.stringify(path)}, bytes(${megabytes} << 20), h)
    print(c.getresponse().status)
except Exception as e:
    print(repr(e))`,
  ]);

const json = "application/json";

describe.each([
  ["curl", curl, Bun.which("curl")],
  ["node's fetch", nodeFetch, Bun.which("node")],
  ["Python", python, Bun.which("python3")],
] as const)("a refused upload of %s", (_, upload, program) => {
  test.skipIf(program === null).each([
    [1, "none", json, "401"],
    [100, "none", json, "401"],
    [10, "weak", json, "403"],
    [10, "lost", json, "404"],
    [10, "good", json, "413"],
  ])(
    "of %d MB by %s as %s sees its %s",
    async (megabytes, credential, type, status) => {
      expect(await upload(credential, megabytes, type, false)).toBe(status);
      expect(await upload(credential, megabytes, type, true)).toBe(status);
    },
    60_000,
  );
});

test("a body of another type, and one with unknown fields, are refused with 415 and 422", async () => {
  const headers = { authorization: "good", "content-type": "text/plain" };
  const large = "x".repeat(250_000);
  expect((await fetch(url, { method: "POST", headers, body: large })).status).toBe(415);
  const body = JSON.stringify({ nothing: large });
  const typed = { ...headers, "content-type": json };
  expect((await fetch(url, { method: "POST", headers: typed, body })).status).toBe(422);
});

describe("a body that comes byte by byte", () => {
  const { port } = start({ limits: { paceBytes: 100, paceMs: 200 } });
  test.each([
    ["with a length", "Content-Length: 100000\r\n\r\n", "x"],
    ["in chunks", "Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"],
  ])("%s is 408 and the end of its connection", async (_, framing, piece) => {
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: good\r\nContent-Type: ${json}\r\n`;
    const wire = new Wire(port).send(head + framing);
    const drip = setInterval(() => wire.send(piece), 20);
    const answer = await wire.answer();
    expect([answer?.status, answer?.headers.get("connection")]).toEqual([408, "close"]);
    expect(JSON.parse(answer?.body ?? "").code).toBe("REQUEST_TIMEOUT");
    clearInterval(drip);
    wire.end();
  });

  test("is read when it is quick enough", async () => {
    const wire = new Wire(port).send(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: good\r\nContent-Type: ${json}\r\nContent-Length: 1502\r\n\r\n{`,
    );
    for (let i = 0; i < 15; i++) {
      wire.send(" ".repeat(100));
      await Bun.sleep(30);
    }
    expect((await wire.send("}").answer())?.status).toBe(404);
    wire.end();
  });
});

describe("the client's address", () => {
  const forwarded = { "x-forwarded-for": "203.0.113.9" };
  test.each([
    ["the peer's", [], "127.0.0.1"],
    ["the forwarded one behind a trusted proxy", ["127.0.0.0/8"], "203.0.113.9"],
  ])("is %s", async (_, cidrs, address) => {
    const { port } = start({ proxies: trustedProxies(cidrs) });
    await fetch(`http://127.0.0.1:${port}${path}`, { headers: forwarded });
    expect(calls.at(-1)?.clientAddress).toBe(address);
  });

  test("is the peer's IPv4 where the socket takes both families", async () => {
    const { port } = start({ hostname: "::" });
    await fetch(`http://127.0.0.1:${port}${path}`);
    expect(calls.at(-1)?.clientAddress).toBe("127.0.0.1");
  });

  test("is needed: who comes around the listener is refused", async () => {
    calls.length = 0;
    const answer = await fetch(`http://127.0.0.1:${server.innerPort}${path}`);
    expect([answer.status, calls]).toEqual([403, []]);
  });
});

test("a call that runs when the listener stops is answered whole", async () => {
  const reached = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const stopping = start({
    dispatch: async () => {
      reached.resolve();
      await go.promise;
      return { ok: false, code: ErrorCode.MISSING_TOKEN, violations: [], retryAfterS: null };
    },
  });
  const answer = fetch(`http://127.0.0.1:${stopping.port}${path}`);
  await reached.promise;
  const stopped = stopping.stop();
  expect(await new Wire(stopping.port).send("GET / HTTP/1.1\r\n\r\n").answer()).toBeNull();
  go.resolve();
  expect((await (await answer).json()).code).toBe("MISSING_TOKEN");
  await stopped;
});
