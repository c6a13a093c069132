import { describe, expect, test } from "bun:test";
import { BodyDecoder } from "./body-decoder.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { Framing } from "./message-head.ts";
import { Method } from "./method.ts";
import { RESPONSE_ERRORS } from "./parse-error.ts";
import { ResponseParser } from "./response-parser.ts";
import { mayReuse } from "./reuse.ts";
import { Step } from "./section-parser.ts";
import { readResponses } from "./transcript.ts";

function bytesOf(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

function parsed(text: string, method: Method = Method.GET, isUpgrade = false): ResponseParser {
  const parser = new ResponseParser(DEFAULT_LIMITS);
  parser.expect(method, isUpgrade);
  parser.push(bytesOf(text));
  return parser;
}

/** Events of the responses to these methods, each as one word or two. */
function events(text: string, ...methods: Method[]): string[] {
  const bytes = bytesOf(text);
  const asked = (methods.length === 0 ? [Method.GET] : methods).map((method) => ({ method }));
  return readResponses([[bytes, 0, bytes.length]], DEFAULT_LIMITS, asked).map((event) => {
    if ("head" in event) return `${event.kind} ${event.head.status}`;
    return event.kind === "error" ? event.code : `${event.kind} ${JSON.stringify(event.bytes)}`;
  });
}

describe("a status line", () => {
  test.each([
    ["HTTP/1.1 200 OK", 200, "OK", 1],
    ["HTTP/1.0 404 Not Found", 404, "Not Found", 0],
    ["HTTP/1.1 299 ", 299, "", 1],
    ["HTTP/1.1 299", 299, "", 1],
    ["HTTP/1.1 200  two  spaces ", 200, " two  spaces ", 1],
    ["HTTP/1.1 999 \xe9", 999, "\xe9", 1],
  ])("reads %j as it came", (line, status, reason, minorVersion) => {
    const { head } = parsed(`${line}\r\nContent-Length: 0\r\n\r\n`);
    expect([head.status, head.latin1(head.reasonStart, head.reasonEnd), head.minorVersion]).toEqual(
      [status, reason, minorVersion],
    );
  });

  test.each([
    ["HTTP/1.1 20 OK\r\n", "bad-status"],
    ["HTTP/1.1 2000 OK\r\n", "bad-status"],
    ["HTTP/1.1 099 OK\r\n", "bad-status"],
    ["HTTP/1.1 +20 OK\r\n", "bad-status"],
    ["HTTP/1.1  200 OK\r\n", "bad-status"],
    ["HTTP/1.1 200\tOK\r\n", "bad-status"],
    ["HTTP/1.1 200\n", "bare-lf"],
    ["HTTP/1.1 200 OK\n", "bare-lf"],
    ["HTTP/1.1 200 OK\rX", "bare-cr"],
    ["HTTP/1.1 200 O\0K\r\n", "control-byte"],
    ["HTTP/1.1\r\n", "bad-version"],
    ["HTTP/1.2 200 OK\r\n", "version-not-supported"],
    ["HTTP/2.0 200 OK\r\n", "version-not-supported"],
    ["HTTP/2 200 OK\r\n", "bad-version"],
    ["http/1.1 200 OK\r\n", "bad-version"],
    ["ICY 200 OK\r\n", "bad-version"],
    ["\r\nHTTP/1.1 200 OK\r\n", "bad-version"],
    [" HTTP/1.1 200 OK\r\n", "bad-version"],
    ["SSH-2.0-OpenSSH_9.6\r\n", "bad-version"],
  ])("%j is an error", (line, code) => {
    expect(parsed(`${line}\r\n`).error).toMatchObject({ code, status: 502, mustClose: true });
  });
});

describe("field lines of a response are as strict as those of a request:", () => {
  test.each([
    ["Content-Length: 3\r\nContent-Length: 3", "length-repeated"],
    ["Content-Length: 3\r\nTransfer-Encoding: chunked", "length-and-coding"],
    ["Transfer-Encoding: gzip, chunked", "bad-coding"],
    ["Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "coding-repeated"],
    ["Content-Length: 3,3", "bad-length"],
    ["A: b\n", "bare-lf"],
    ["A: b\0", "control-byte"],
    ["A: b\r\n c", "obs-fold"],
    ["A : b", "space-before-colon"],
    ["A b", "space-before-colon"],
    [": b", "empty-name"],
  ])("%j is an error", (lines, code) => {
    expect(parsed(`HTTP/1.1 200 OK\r\n${lines}\r\n\r\n`).error?.code).toBe(code as never);
  });

  test("Transfer-Encoding on HTTP/1.0 is an error", () => {
    expect(parsed("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").error?.code).toBe(
      "coding-on-1.0",
    );
  });
});

describe("the end of a body", () => {
  const length = "Content-Length: 4\r\n";
  const chunked = "Transfer-Encoding: chunked\r\n";
  test.each([
    ["a length", "200 OK", length, Method.GET, Framing.length, true],
    ["length 0", "200 OK", "Content-Length: 0\r\n", Method.GET, Framing.none, true],
    ["chunks", "200 OK", chunked, Method.GET, Framing.chunked, true],
    ["nothing", "200 OK", "", Method.GET, Framing.untilClose, false],
    ["a length to HEAD", "200 OK", length, Method.HEAD, Framing.none, true],
    ["chunks to HEAD", "200 OK", chunked, Method.HEAD, Framing.none, true],
    ["nothing to HEAD", "200 OK", "", Method.HEAD, Framing.none, true],
    ["204 with a length", "204 No Content", length, Method.GET, Framing.none, true],
    ["204 with chunks", "204 No Content", chunked, Method.GET, Framing.none, true],
    ["304 with a length", "304 Not Modified", length, Method.GET, Framing.none, true],
    ["205 with a length", "205 Reset Content", length, Method.GET, Framing.length, true],
    ["200 to CONNECT", "200 OK", length, Method.CONNECT, Framing.tunnel, false],
    ["200 to CONNECT, with chunks", "200 OK", chunked, Method.CONNECT, Framing.tunnel, false],
    ["407 to CONNECT", "407 No", length, Method.CONNECT, Framing.length, true],
    [
      "a close and a length",
      "200 OK",
      `Connection: close\r\n${length}`,
      Method.GET,
      Framing.length,
      false,
    ],
  ])("of a response with %s", (_, status, lines, method, framing, keepAlive) => {
    const { head, error } = parsed(`HTTP/1.1 ${status}\r\n${lines}\r\n`, method);
    expect([error, head.framing, head.keepAlive]).toEqual([null, framing, keepAlive]);
  });

  test("of HTTP/1.0 keeps the connection only where it says so", () => {
    expect(parsed(`HTTP/1.0 200 OK\r\n${length}\r\n`).head.keepAlive).toBe(false);
    expect(
      parsed(`HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n${length}\r\n`).head.keepAlive,
    ).toBe(true);
    expect(parsed("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n").head.keepAlive).toBe(false);
  });
});

describe("responses before the final one", () => {
  test("are told one by one, and have no body whatever they say", () => {
    expect(
      events(
        "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
      ),
    ).toEqual(["interim 100", "interim 103", "head 200", 'body "ok"']);
  });

  test("are bounded in number", () => {
    const flood = "HTTP/1.1 102 Processing\r\n\r\n".repeat(DEFAULT_LIMITS.interimCountMax);
    const final = "HTTP/1.1 204 No Content\r\n\r\n";
    expect(events(flood + final).slice(-2)).toEqual(["head 204", 'body ""']);
    expect(events(`${flood}HTTP/1.1 102 Processing\r\n\r\n${final}`).at(-1)).toBe(
      "too-many-interim",
    );
  });

  test("may say that the connection ends with the final one", () => {
    const final = "HTTP/1.1 204 No Content\r\n\r\n";
    const parser = parsed("HTTP/1.1 103 Early Hints\r\nConnection: close\r\n\r\n");
    expect(parser.push(bytesOf(final))).toBe(Step.head);
    expect(parser.head.keepAlive).toBe(false);
    parser.expect(Method.GET, false);
    expect(parser.push(bytesOf(final))).toBe(Step.head);
    expect(parser.head.keepAlive).toBe(true);
  });

  test("are counted anew for each request", () => {
    const one = `${"HTTP/1.1 102 Processing\r\n\r\n".repeat(DEFAULT_LIMITS.interimCountMax)}HTTP/1.1 204 No Content\r\n\r\n`;
    expect(events(one + one, Method.GET, Method.GET)).not.toContain("too-many-interim");
  });
});

describe("101", () => {
  const answer =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

  test("to a request that asked for it ends HTTP; what follows is not parsed", () => {
    const parser = new ResponseParser(DEFAULT_LIMITS);
    parser.expect(Method.GET, true);
    const chunk = bytesOf(`${answer}\x81\x02hi`);
    expect(parser.push(chunk)).toBe(Step.head);
    expect([parser.head.framing, parser.head.keepAlive]).toEqual([Framing.tunnel, false]);
    expect(chunk.subarray(parser.consumed).toString("latin1")).toBe("\x81\x02hi");
  });

  test.each([
    ["nobody asked for", answer, false],
    ["without Connection", answer.replace("Connection: Upgrade\r\n", ""), true],
    ["without Upgrade", answer.replace("Upgrade: websocket\r\n", ""), true],
    ["on HTTP/1.0", answer.replace("HTTP/1.1", "HTTP/1.0"), true],
  ])("%s is an error", (_, text, isUpgrade) => {
    expect(parsed(text, Method.GET, isUpgrade).error?.code).toBe("unasked-switch");
  });
});

describe("bytes that no request asked for", () => {
  const whole = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

  test("before any request are an error", () => {
    const parser = new ResponseParser(DEFAULT_LIMITS);
    expect(parser.push(bytesOf(whole))).toBe(Step.error);
    expect(parser.error?.code).toBe("unasked");
  });

  test.each(["\r\n", "x", whole])("behind the last response are an error: %j", (more) => {
    expect(events(whole + more)).toEqual(["head 200", 'body "ok"', "unasked"]);
  });

  test("behind HEAD, 204 and 304 are not taken for a body", () => {
    const rest = "HTTP/1.1 200 OK\r\n\r\nbody";
    expect(events(`HTTP/1.1 204 N\r\nContent-Length: 4\r\n\r\n${rest}`)).toEqual([
      "head 204",
      'body ""',
      "unasked",
    ]);
    expect(events(`HTTP/1.1 304 N\r\nContent-Length: 4\r\n\r\n${rest}`)).toEqual([
      "head 304",
      'body ""',
      "unasked",
    ]);
    expect(events(`HTTP/1.1 200 N\r\nContent-Length: 4\r\n\r\n${rest}`, Method.HEAD)).toEqual([
      "head 200",
      'body ""',
      "unasked",
    ]);
  });

  test.each([
    ["nothing odd", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "ok", 0, true],
    ["a byte behind it", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "ok!", 1, false],
    ["a body that is not whole", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "o", 0, false],
    [
      "a close",
      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n",
      "ok",
      0,
      false,
    ],
    ["no length", "HTTP/1.1 200 OK\r\n\r\n", "ok", 0, false],
  ])(
    "and all else that is odd keep a connection out of the pool: %s",
    (_, head, bytes, after, kept) => {
      const parser = parsed(head);
      const body = new BodyDecoder(RESPONSE_ERRORS, DEFAULT_LIMITS);
      const chunk = bytesOf(bytes);
      body.start(parser.head);
      body.pass(chunk);
      expect(chunk.length - body.consumed).toBe(after);
      expect(mayReuse(parser.head, body, chunk.length - body.consumed)).toBe(kept);
    },
  );
});

describe("an upstream that closes", () => {
  const closing = (text: string, ...methods: Method[]) =>
    Array.from({ length: text.length + 1 }, (_, length) =>
      events(text.slice(0, length), ...methods).at(-1),
    );

  test("at any byte before the end of a length leaves a truncated message", () => {
    const text = "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
    const ends = closing(text);
    const interimEnd = text.indexOf("\r\n\r\n") + 4;
    expect(ends.at(-1)).toBe('body "abc"');
    ends.slice(1, -1).forEach((end, index) => {
      expect([index, end]).toEqual([index, index + 1 === interimEnd ? "interim 100" : "truncated"]);
    });
  });

  test("at any byte of a chunked body, trailers and the last CRLF included, leaves a truncated message", () => {
    const text =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n";
    const ends = closing(text);
    expect(ends.at(-1)).toBe('body "abc"');
    expect(new Set(ends.slice(1, -1))).toEqual(new Set(["truncated"]));
  });

  test("ends a body without a length, at whatever byte, but not a head", () => {
    const head = "HTTP/1.1 200 OK\r\n\r\n";
    const ends = closing(`${head}abc`);
    expect(new Set(ends.slice(1, head.length))).toEqual(new Set(["truncated"]));
    expect(ends.slice(head.length)).toEqual(['body ""', 'body "a"', 'body "ab"', 'body "abc"']);
  });
});
