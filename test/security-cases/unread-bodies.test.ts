// S: programs that answer without having read a body, and take what is left of it for the next request.
import { afterAll, describe, expect, test } from "bun:test";
import type net from "node:net";
import { createServer } from "node:net";
import { startProxy } from "../../src/proxy/proxy.ts";
import { listenLocally } from "../harness/local-server.ts";
import { testBench } from "../harness/proxy-bench.ts";
import { H2Client, PairFiles, pairFor, WILDCARD } from "../harness/tls-bench.ts";
import { answersIn, request, untilClosed, Wire } from "../harness/wire.ts";

const bench = await testBench();
const files = new PairFiles();
files.write(pairFor(WILDCARD));
const gate = await startProxy(
  bench.options({ tls: files.options(), responseHeaderMs: 30_000 }),
  bench.registry,
);

/** The lines that the program took for requests. */
const seen: string[] = [];
const program = createServer((socket) => readNoBodies(socket));
const programPort = await listenLocally(program);
afterAll(async () => {
  await gate.stop(true);
  program.close();
});

/** As many small servers do: it answers each head, and honours `Connection: close`. */
function readNoBodies(socket: net.Socket): void {
  let held = "";
  let isLast = false;
  socket.on("error", () => {});
  socket.on("data", (data) => {
    held += data.toString("latin1");
    for (
      let end = held.indexOf("\r\n\r\n");
      end !== -1 && !isLast;
      end = held.indexOf("\r\n\r\n")
    ) {
      const head = held.slice(0, end);
      const line = head.trimStart().split("\r\n")[0] ?? "";
      held = held.slice(end + 4);
      seen.push(line);
      isLast = /^connection: close$/im.test(head);
      // As Python's http.server, it takes any word for a method.
      const known = /^\S+ \S+ HTTP\/1\.1$/.test(line);
      const status = known ? "200 OK" : "400 Bad Request";
      socket.write(`HTTP/1.1 ${status}\r\nContent-Length: ${line.length}\r\n\r\n${line}`);
      if (isLast || !known) socket.end();
    }
  });
}

const { host } = await bench.place({ programs: { terminal: programPort } });
await gate.reached(bench.registry.revision, 10_000);
const name = host("terminal-1");
const FORGED = "GET /forged HTTP/1.1\r\nHost: x\r\nX-Realmgate-Groups: admins\r\n\r\n";
const BEGUN = "GET /forged HTTP/1.1\r\nX-Swallowed: ";
const LISTENERS = [
  ["in plain text", gate.port],
  ["over TLS", { tlsPort: gate.tls?.port ?? 0 }],
] as const;

const chunked = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
const post = (framing: string, body: string, method = "POST") =>
  request(name, `${method} /upload HTTP/1.1`, framing) + body;
const sized = (body: string, method?: string) =>
  post(`Content-Length: ${body.length}`, body, method);

describe.each(LISTENERS)("S14 %s a body", (_how, where) => {
  test.each([
    ["that is a request", sized(FORGED)],
    ["that is one behind empty lines", sized(`\r\n\r\n${FORGED}`)],
    ["that is one with tabs", sized(FORGED.replaceAll(" ", "\t"))],
    ["that begins one", sized(BEGUN)],
    ["that is one with a word of JSON for its method", sized(FORGED.replace("GET", '{"a":'))],
    ["that is one with a long word", sized(FORGED.replace("GET", "x".repeat(70)))],
    ["that is one with a byte beyond ASCII", sized(FORGED.replace("GET", "\xe9"))],
    ["of PUT", sized(FORGED, "PUT")],
    ["of PATCH", sized(FORGED, "PATCH")],
    ["in chunks", post("Transfer-Encoding: chunked", chunked(FORGED))],
  ])("%s is none for a program that leaves it unread", async (_what, bytes) => {
    seen.length = 0;
    const wire = new Wire(where).send(bytes);
    expect((await wire.answer())?.body).toEndWith("/upload HTTP/1.1");
    // The next client's request is answered as its own.
    const next = new Wire(where).send(request(name, "GET /next HTTP/1.1"));
    expect((await next.answer())?.body).toBe("GET /next HTTP/1.1");
    wire.end();
    next.end();
    expect(seen.filter((line) => line.includes("forged"))).toEqual([]);
    expect(seen.at(-1)).toBe("GET /next HTTP/1.1");
  });

  test("that comes behind its head is none either", async () => {
    seen.length = 0;
    const wire = new Wire(where).send(post(`Content-Length: ${FORGED.length}`, ""));
    expect((await wire.answer())?.body).toBe("POST /upload HTTP/1.1");
    wire.send(FORGED);
    const next = new Wire(where).send(request(name, "GET /next HTTP/1.1"));
    expect((await next.answer())?.body).toBe("GET /next HTTP/1.1");
    wire.end();
    next.end();
    expect(seen.filter((line) => line.includes("forged"))).toEqual([]);
  });

  test("longer than 31 bits say ends its connection: there are programs that count no further", async () => {
    seen.length = 0;
    const wire = new Wire(where).send(post("Content-Length: 4294967300", `{}{}${FORGED}`));
    expect((await wire.answer())?.body).toBe("POST /upload HTTP/1.1");
    wire.end();
    expect(seen.filter((line) => line.includes("forged"))).toEqual([]);
  });
});

test("S14 over HTTP/2 a body that is a request is none for a program that leaves it unread", async () => {
  seen.length = 0;
  const client = new H2Client(gate.tls?.port ?? 0);
  const answer = await client.ask(
    { ":method": "POST", ":path": "/upload", ":authority": name, "content-length": FORGED.length },
    FORGED,
  );
  expect(answer.body).toBe("POST /upload HTTP/1.1");
  const next = await client.ask({ ":path": "/next", ":authority": name });
  expect(next.body).toBe("GET /next HTTP/1.1");
  client.close();
  expect(seen.filter((line) => line.includes("forged"))).toEqual([]);
});

test("what cannot be a request costs no connection where it comes with its head", async () => {
  const wire = await startProxy(bench.options({ plainEdge: "wire" }), bench.registry);
  const witness = await bench.place({ programs: { terminal: bench.upstream.port ?? 0 } });
  expect(await wire.reached(bench.registry.revision, 10_000)).toBe(true);
  const to = witness.host("terminal-1");
  const bodies = ['{"a":1}', "a=b", `--b\r\n\r\n--b--`, "x".repeat(100)];
  const bytes = bodies
    .map((body) => request(to, "POST / HTTP/1.1", `Content-Length: ${body.length}`) + body)
    .join("");
  const last = request(to, "GET / HTTP/1.1", "Connection: close");
  const answers = answersIn(await untilClosed(wire.port, bytes + last));
  await wire.stop(true);
  const heads = answers.map(({ body }) => JSON.parse(body).headers as Record<string, string>);
  expect(heads.map(({ connection }) => connection === "close")).toEqual(heads.map(() => false));
  expect(heads).toHaveLength(bodies.length + 1);
});
