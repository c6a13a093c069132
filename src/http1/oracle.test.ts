// node:http of the runtime as an oracle, over real sockets and in both directions: what the parsers accept it accepts with
// the same meaning, and what they refuse it refuses, but for a list of cases in which it is more lenient.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer, type IncomingMessage, request, type Server } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer } from "node:net";
import { DEFAULT_LIMITS } from "./limits.ts";
import { Method } from "./method.ts";
import { readRequests, readResponses } from "./transcript.ts";

const HOST = "Host: a\r\n";
/** Behind each input, so that the server answers it all and closes. */
const LAST = "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const CHUNKED = `POST /c HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`;

interface Seen {
  readonly start: string;
  readonly lines: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
}

async function bodyOf(message: IncomingMessage): Promise<string> {
  let body = "";
  for await (const piece of message) body += Buffer.from(piece).toString("latin1");
  return body;
}

describe("requests", () => {
  let server: Server;
  let seen: Seen[] = [];

  beforeAll(async () => {
    server = createServer(async (message, response) => {
      const start = `${message.method} ${message.url} HTTP/${message.httpVersion}`;
      const body = await bodyOf(message).catch(() => null);
      // Refused on the way.
      if (body === null) return;
      seen.push({ start, lines: message.rawHeaders, body, trailers: message.rawTrailers });
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  /** What the server sees before the connection closes. */
  async function byNode(text: string): Promise<Seen[]> {
    seen = [];
    await new Promise<void>((resolve) => {
      const socket = connect((server.address() as AddressInfo).port, "127.0.0.1", () => {
        socket.write(Buffer.from(text, "latin1"));
      });
      socket.on("data", () => {});
      socket.on("error", () => resolve());
      socket.on("close", () => resolve());
    });
    return seen;
  }

  function byUs(text: string): { messages: Seen[]; error: string | null } {
    const bytes = Buffer.from(text, "latin1");
    const messages: Seen[] = [];
    let head: Pick<Seen, "start" | "lines"> = { start: "", lines: [] };
    for (const event of readRequests([[bytes, 0, bytes.length]], DEFAULT_LIMITS)) {
      if (event.kind === "error") return { messages, error: event.code };
      if (event.kind === "head") {
        head = { start: event.head.startLine.trimEnd(), lines: event.head.lines.flat() };
      } else if (event.kind === "body") {
        messages.push({ ...head, body: event.bytes, trailers: event.trailers.flat() });
      }
    }
    return { messages, error: null };
  }

  test.each([
    ["a minimal one", `GET / HTTP/1.1\r\n${HOST}\r\n`],
    ["one with an empty line before it", `\r\nGET / HTTP/1.1\r\n${HOST}\r\n`],
    [
      "a path that others would normalise",
      `GET /a/../b//%2e%2e/?"{x}|^\`\\ HTTP/1.1\r\n${HOST}\r\n`,
    ],
    ["the absolute form", `GET http://a:80/p?q HTTP/1.1\r\n${HOST}\r\n`],
    ["repeated lines", `GET / HTTP/1.1\r\n${HOST}A: 1\r\na: 2\r\nA:\t3 \r\nB:\r\n\r\n`],
    ["obs-text in a value", `GET / HTTP/1.1\r\n${HOST}A: \xe9\xff\r\n\r\n`],
    ["a body", `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello`],
    ["a body of GET", `GET / HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello`],
    ["a body of DELETE", `DELETE / HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello`],
    ["leading zeros in a length", `POST / HTTP/1.1\r\n${HOST}Content-Length: 005\r\n\r\nhello`],
    ["chunks", `${CHUNKED}5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n`],
    ["chunks that look like requests", `${CHUNKED}13\r\nGET /x HTTP/1.1\r\n\r\n\r\n0\r\n\r\n`],
    ["chunk extensions", `${CHUNKED}5;a;b=c;d="e"\r\nhello\r\n0;z\r\n\r\n`],
    ["trailers", `${CHUNKED}1\r\nx\r\n0\r\nX-Sum: 1\r\nx-sum: 2\r\n\r\n`],
    [
      "a pipeline",
      `GET /1 HTTP/1.1\r\n${HOST}\r\n${CHUNKED}1\r\nx\r\n0\r\n\r\nPUT /3 HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\nok`,
    ],
  ])("both see %s", async (_, text) => {
    const ours = byUs(text + LAST);
    expect(ours.error).toBeNull();
    expect(ours.messages.at(-1)?.start).toBe("GET /last HTTP/1.1");
    expect(await byNode(text + LAST)).toEqual(ours.messages);
  });

  const refused: [string, string][] = [
    ["a bare LF in the head", `GET / HTTP/1.1\nHost: a\n\n`],
    ["a bare CR in a value", `GET / HTTP/1.1\r\n${HOST}A: b\rC: d\r\n\r\n`],
    ["a NUL", `GET / HTTP/1.1\r\n${HOST}A: \0\r\n\r\n`],
    ["a fold", `GET / HTTP/1.1\r\n${HOST}A: b\r\n c\r\n\r\n`],
    ["a space before the colon", `GET / HTTP/1.1\r\n${HOST}A : b\r\n\r\n`],
    ["an empty name", `GET / HTTP/1.1\r\n${HOST}: b\r\n\r\n`],
    ["no colon", `GET / HTTP/1.1\r\n${HOST}Ab\r\n\r\n`],
    ["no Host", "GET / HTTP/1.1\r\n\r\n"],
    ["HTTP/1.2", `GET / HTTP/1.2\r\n${HOST}\r\n`],
    ["a space in the target", `GET /a b HTTP/1.1\r\n${HOST}\r\n`],
    [
      "a length and chunks",
      `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    [
      "chunks and a length",
      `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
    ],
    ["two lengths", `POST / HTTP/1.1\r\n${HOST}Content-Length: 1\r\nContent-Length: 2\r\n\r\nx`],
    ["a list of lengths", `POST / HTTP/1.1\r\n${HOST}Content-Length: 1,1\r\n\r\nx`],
    ["a length with a sign", `POST / HTTP/1.1\r\n${HOST}Content-Length: +1\r\n\r\nx`],
    [
      "a length beyond 64 bits",
      `POST / HTTP/1.1\r\n${HOST}Content-Length: 18446744073709551619\r\n\r\nx`,
    ],
    [
      "a coding behind chunked",
      `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
    ],
    [
      "a coding that ends in chunked",
      `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
    ],
    ["a space behind a chunk size", `${CHUNKED}1 \r\nx\r\n0\r\n\r\n`],
    ["a chunk size with 0x", `${CHUNKED}0x1\r\nx\r\n0\r\n\r\n`],
    ["a bare LF behind a chunk size", `${CHUNKED}1\nx\r\n0\r\n\r\n`],
    ["a bare LF in an extension", `${CHUNKED}1;a\nx\r\n0\r\n\r\n`],
    ["a bare LF behind a chunk", `${CHUNKED}1\r\nx\n0\r\n\r\n`],
    ["more bytes than the chunk size", `${CHUNKED}1\r\nxy\r\n0\r\n\r\n`],
    ["a length in trailers", `${CHUNKED}0\r\nContent-Length: 1\r\n\r\n`],
  ];
  test.each(refused)("both refuse %s", async (_, text) => {
    const ours = byUs(text + LAST);
    expect([ours.error === null, ours.messages]).toEqual([false, []]);
    expect(
      (await byNode(text + LAST)).filter(({ start }) => start === "GET /last HTTP/1.1"),
    ).toEqual([]);
  });

  /** With what could happen to somebody who is as lenient. */
  const lenient: [string, string, string][] = [
    [
      "two equal lengths",
      "a reader that joins them sees no number",
      `POST / HTTP/1.1\r\n${HOST}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx`,
    ],
    [
      "two equal Host lines",
      "one reader routes by the first, another by the last",
      `GET / HTTP/1.1\r\n${HOST}${HOST}\r\n`,
    ],
    [
      "a Host with user information",
      "what is before the @ is no host",
      "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
    ],
    [
      "a fragment",
      "it is never sent; a reader that cuts it off sees another path",
      `GET /a#b HTTP/1.1\r\n${HOST}\r\n`,
    ],
    [
      "codings before chunked",
      "a reader that does not know them takes them for the body",
      `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    ],
  ];
  test.each(lenient)("node:http alone takes %s: %s", async (_, _why, text) => {
    expect(byUs(text + LAST).error).not.toBeNull();
    expect((await byNode(text + LAST)).length).toBeGreaterThan(0);
  });

  test.each([
    ["the asterisk", `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`],
    ["a method it does not know", `BREW / HTTP/1.1\r\n${HOST}\r\n`],
    ["raw UTF-8 in a target", `GET /\xc3\xa9 HTTP/1.1\r\n${HOST}\r\n`],
  ])("node:http alone refuses %s", async (_, text) => {
    expect(byUs(text + LAST)).toMatchObject({ error: null, messages: { length: 2 } });
    expect(await byNode(text + LAST)).toEqual([]);
  });
});

describe("responses", () => {
  /** What a client makes of these bytes, after which the connection ends; null when it refuses them. */
  async function byNode(method: string, bytes: Buffer): Promise<Seen | null> {
    const upstream = createTcpServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => socket.end(bytes));
    });
    await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
    try {
      return await new Promise<Seen | null>((resolve) => {
        const port = (upstream.address() as AddressInfo).port;
        const asked = request({ port, host: "127.0.0.1", method, agent: false }, (message) => {
          message.on("error", () => resolve(null));
          bodyOf(message).then(
            (body) =>
              resolve({
                start: `HTTP/${message.httpVersion} ${message.statusCode} ${message.statusMessage}`,
                lines: message.rawHeaders,
                body,
                trailers: message.rawTrailers,
              }),
            () => resolve(null),
          );
        });
        asked.on("error", () => resolve(null));
        asked.end();
      });
    } finally {
      upstream.close();
    }
  }

  function byUs(method: Method, bytes: Buffer): Seen | null {
    let head: Pick<Seen, "start" | "lines"> | null = null;
    for (const event of readResponses([[bytes, 0, bytes.length]], DEFAULT_LIMITS, [{ method }])) {
      if (event.kind === "head") {
        const { startLine, lines } = event.head;
        head = { start: startLine.replace("\r\n", ""), lines: lines.flat() };
      } else if (event.kind === "body" && head !== null) {
        return { ...head, body: event.bytes, trailers: event.trailers.flat() };
      }
    }
    return null;
  }

  test.each([
    ["a length", Method.GET, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"],
    [
      "chunks and trailers",
      Method.GET,
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nX: y\r\n\r\n",
    ],
    ["no length", Method.GET, "HTTP/1.1 200 OK\r\n\r\nuntil close"],
    ["HTTP/1.0", Method.GET, "HTTP/1.0 200 OK\r\n\r\nuntil close"],
    [
      "interim responses",
      Method.GET,
      "HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ],
    ["an odd status", Method.GET, "HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"],
    ["HEAD", Method.HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"],
    ["204 with a length", Method.GET, "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"],
    ["304 with a length", Method.GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"],
    [
      "repeated lines",
      Method.GET,
      "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nset-cookie: b\r\nContent-Length: 0\r\n\r\n",
    ],
  ])("both read one with %s", async (_, method, text) => {
    const bytes = Buffer.from(text, "latin1");
    const ours = byUs(method, bytes);
    expect(ours).not.toBeNull();
    expect(await byNode(method === Method.HEAD ? "HEAD" : "GET", bytes)).toEqual(ours);
  });

  test.each([
    [
      "a length and chunks",
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy"],
    ["a bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"],
    ["a NUL", "HTTP/1.1 200 OK\r\nA: \0\r\nContent-Length: 0\r\n\r\n"],
    ["a truncated length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"],
    ["a truncated chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab"],
    ["no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"],
    ["a truncated head", "HTTP/1.1 200 OK\r\nContent-Len"],
    ["another protocol", "SSH-2.0-OpenSSH_9.6\r\n"],
  ])("both refuse one with %s", async (_, text) => {
    const bytes = Buffer.from(text, "latin1");
    expect(byUs(Method.GET, bytes)).toBeNull();
    expect(await byNode("GET", bytes)).toBeNull();
  });
});
