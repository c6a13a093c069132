import { describe, expect, test } from "bun:test";
import { Known } from "./known-header.ts";
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import { Framing } from "./message-head.ts";
import { Method } from "./method.ts";
import { Expectation, TargetForm } from "./request-head.ts";
import { RequestParser } from "./request-parser.ts";
import { Step } from "./section-parser.ts";

const HOST = "Host: a.example\r\n";

function bytesOf(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

function parsed(text: string, limits: Limits = DEFAULT_LIMITS): RequestParser {
  const parser = new RequestParser(limits);
  parser.push(bytesOf(text));
  return parser;
}

/** The error of the first request, as code and status; the end of the bytes is the end of the connection. */
function errorOf(text: string, limits: Limits = DEFAULT_LIMITS): string | null {
  const parser = parsed(text, limits);
  const error = parser.error ?? parser.finish();
  return error === null ? null : `${error.code} ${error.status}`;
}

function headOf(text: string) {
  const parser = parsed(text);
  expect(parser.error).toBeNull();
  expect(parser.isPartial).toBe(false);
  return parser.head;
}

describe("a request line", () => {
  test.each([
    ["GET", Method.GET],
    ["HEAD", Method.HEAD],
    ["POST", Method.POST],
    ["PUT", Method.PUT],
    ["DELETE", Method.DELETE],
    ["OPTIONS", Method.OPTIONS],
    ["TRACE", Method.TRACE],
    ["PATCH", Method.PATCH],
    ["get", Method.other],
    ["PROPFIND", Method.other],
    ["BREW", Method.other],
    ["!#$%&'*+-.^_`|~", Method.other],
    ["x".repeat(DEFAULT_LIMITS.methodBytesMax), Method.other],
  ])("has the method %s as it came", (name, method) => {
    const head = headOf(`${name} / HTTP/1.1\r\n${HOST}\r\n`);
    expect([head.latin1(head.start, head.methodEnd), head.method]).toEqual([name, method]);
  });

  test.each([
    ["/", TargetForm.origin, "", "/"],
    ["/a/../b//%2e%2e/?q=%20&a=b", TargetForm.origin, "", "/a/../b//%2e%2e/?q=%20&a=b"],
    ['/"{x}|^`\\<>[]\xc3\xa9', TargetForm.origin, "", '/"{x}|^`\\<>[]\xc3\xa9'],
    ["//a.example/x", TargetForm.origin, "", "//a.example/x"],
    ["http://b.example/p?q", TargetForm.absolute, "b.example", "/p?q"],
    ["HTTPS://b.example:8443", TargetForm.absolute, "b.example:8443", ""],
    ["http://b.example?q", TargetForm.absolute, "b.example", "?q"],
    ["http://[::1]:80/", TargetForm.absolute, "[::1]:80", "/"],
  ])("has the target %s as it came", (target, form, authority, path) => {
    const head = headOf(`GET ${target} HTTP/1.1\r\n${HOST}\r\n`);
    expect(head.latin1(head.targetStart, head.targetEnd)).toBe(target);
    expect(head.targetForm).toBe(form);
    expect(head.latin1(head.authorityStart, head.authorityEnd)).toBe(authority);
    expect(head.latin1(head.pathStart, head.targetEnd)).toBe(path);
  });

  test("CONNECT has the authority form, and OPTIONS may have the asterisk", () => {
    const connect = headOf(`CONNECT a.example:443 HTTP/1.1\r\n${HOST}\r\n`);
    expect([
      connect.targetForm,
      connect.latin1(connect.authorityStart, connect.authorityEnd),
    ]).toEqual([TargetForm.authority, "a.example:443"]);
    expect(headOf(`OPTIONS * HTTP/1.1\r\n${HOST}\r\n`).targetForm).toBe(TargetForm.asterisk);
  });

  test.each([
    ["a method that is no token", "G@T / HTTP/1.1\r\n", "bad-method 400"],
    ["no method", " / HTTP/1.1\r\n", "bad-method 400"],
    ["a method that is too long", `${"x".repeat(33)} / HTTP/1.1\r\n`, "method-too-long 501"],
    ["a second empty line before it", "\r\n\r\nGET / HTTP/1.1\r\n", "bad-method 400"],
    ["a bare LF before it", "\nGET / HTTP/1.1\r\n", "bare-lf 400"],
    ["a bare CR before it", "\rGET / HTTP/1.1\r\n", "bare-cr 400"],
    ["two spaces after the method", "GET  / HTTP/1.1\r\n", "bad-target 400"],
    ["a tab after the method", "GET\t/ HTTP/1.1\r\n", "bad-method 400"],
    ["a space in the target", "GET /a b HTTP/1.1\r\n", "bad-version 400"],
    ["a NUL in the target", "GET /\0 HTTP/1.1\r\n", "bad-target 400"],
    ["a tab in the target", "GET /\t HTTP/1.1\r\n", "bad-target 400"],
    ["a DEL in the target", "GET /\x7f HTTP/1.1\r\n", "bad-target 400"],
    ["a fragment", "GET /a#b HTTP/1.1\r\n", "bad-target 400"],
    ["a target without a slash", "GET a HTTP/1.1\r\n", "bad-target 400"],
    ["an asterisk with GET", "GET * HTTP/1.1\r\n", "bad-target 400"],
    ["an authority with GET", "GET a.example:80 HTTP/1.1\r\n", "bad-target 400"],
    ["a path with CONNECT", "CONNECT /a HTTP/1.1\r\n", "bad-target 400"],
    ["no port with CONNECT", "CONNECT a.example HTTP/1.1\r\n", "bad-target 400"],
    ["no host with CONNECT", "CONNECT :80 HTTP/1.1\r\n", "bad-target 400"],
    ["an empty port with CONNECT", "CONNECT a.example: HTTP/1.1\r\n", "bad-target 400"],
    ["user information", "GET http://u:p@a.example/ HTTP/1.1\r\n", "bad-target 400"],
    ["a backslash in the authority", "GET http://a.example\\b/ HTTP/1.1\r\n", "bad-target 400"],
    ["no authority", "GET http:///a HTTP/1.1\r\n", "bad-target 400"],
    ["another scheme", "GET ftp://a.example/ HTTP/1.1\r\n", "bad-target 400"],
    ["one slash after the scheme", "GET http:/a HTTP/1.1\r\n", "bad-target 400"],
    ["no version", "GET /\r\n", "bad-version 400"],
    ["no version and a bare LF", "GET /\n", "bare-lf 400"],
    ["two spaces before the version", "GET /  HTTP/1.1\r\n", "bad-version 400"],
    ["a space after the version", "GET / HTTP/1.1 \r\n", "bad-version 400"],
    ["a version in lower case", "GET / http/1.1\r\n", "bad-version 400"],
    ["a version with a zero before it", "GET / HTTP/01.1\r\n", "bad-version 400"],
    ["a version with more digits", "GET / HTTP/1.10\r\n", "bad-version 400"],
    ["no dot in the version", "GET / HTTP/1,1\r\n", "bad-version 400"],
    ["HTTP/0.9", "GET / HTTP/0.9\r\n", "version-not-supported 505"],
    ["HTTP/1.2", "GET / HTTP/1.2\r\n", "version-not-supported 505"],
    ["the preface of HTTP/2", "PRI * HTTP/2.0\r\n", "version-not-supported 505"],
    ["a bare LF at its end", "GET / HTTP/1.1\n", "bare-lf 400"],
    ["a bare CR at its end", "GET / HTTP/1.1\rX", "bare-cr 400"],
    ["a TLS hello", "\x16\x03\x01\x02\x00\x01", "bad-method 400"],
    ["PROXY protocol v1", "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n", "bad-version 400"],
    ["PROXY protocol v2", "\r\n\r\n\0\r\nQUIT\n", "bad-method 400"],
  ])("with %s is an error", (_, line, error) => {
    expect(errorOf(`${line}${HOST}\r\n`)).toBe(error);
  });
});

describe("field lines", () => {
  test("keep spelling, order and repetition; white space around values does not belong to them", () => {
    const head = headOf(
      `GET / HTTP/1.1\r\n${HOST}x-a:  1\t \r\nX-A:2\r\nX-Empty:\r\nX-Blank: \t\r\nCOOKIE: a = b\r\n\r\n`,
    );
    expect(
      Array.from({ length: head.count }, (_, line) => `${head.name(line)}=${head.value(line)}`),
    ).toEqual(["Host=a.example", "x-a=1", "X-A=2", "X-Empty=", "X-Blank=", "COOKIE=a = b"]);
    expect(head.find(Known.cookie)).toBe(5);
    expect(head.find(Known.authorization)).toBe(-1);
    expect(head.nameIs(2, Buffer.from("x-a"))).toBe(true);
    expect(head.nameIs(3, Buffer.from("x-a"))).toBe(false);
    expect(head.nameStartsWith(3, Buffer.from("x-"))).toBe(true);
    expect(head.nameStartsWith(0, Buffer.from("host-"))).toBe(false);
    expect(head.valueEquals(2, Buffer.from("2"))).toBe(true);
    expect(head.valueEquals(2, Buffer.from("22"))).toBe(false);
  });

  test("are found by every known name, in any case, and by no other name", () => {
    for (const [name, known] of Object.entries(Known)) {
      if (name === "other" || name === "host") continue;
      const value = name === "content-length" ? "0" : "chunked";
      const lines = (field: string) =>
        headOf(`GET / HTTP/1.1\r\n${HOST}${field}: ${value}\r\n\r\n`);
      expect([name, lines(name.toUpperCase()).known(1)]).toEqual([name, known]);
      expect(lines(`${name}x`).known(1)).toBe(0);
      expect(lines(name.replaceAll("-", "_").concat("_")).known(1)).toBe(0);
      if (name.includes("-")) expect(lines(name.replace("-", "_")).known(1)).toBe(0);
    }
  });

  test.each([
    ["a bare LF at the end", "A: b\n", "bare-lf 400"],
    ["a bare CR in the value", "A: b\rC: d\r\n", "bare-cr 400"],
    ["CR CR LF", "A: b\r\r\n", "bare-cr 400"],
    ["a NUL in the value", "A: b\0c\r\n", "control-byte 400"],
    ["a DEL in the value", "A: b\x7fc\r\n", "control-byte 400"],
    ["an ESC in the value", "A: \x1b[1m\r\n", "control-byte 400"],
    ["a NUL in the name", "A\0: b\r\n", "bad-name 400"],
    ["obs-text in the name", "\xc3\xa9: b\r\n", "bad-name 400"],
    ["a separator in the name", "A(B): b\r\n", "bad-name 400"],
    ["a fold", "A: b\r\n c\r\n", "obs-fold 400"],
    ["a fold by a tab", "A: b\r\n\tc\r\n", "obs-fold 400"],
    ["a space before the colon", "A : b\r\n", "space-before-colon 400"],
    ["a tab before the colon", "A\t: b\r\n", "space-before-colon 400"],
    ["no name", ": b\r\n", "empty-name 400"],
    ["no colon", "Ab\r\n", "no-colon 400"],
    ["no colon and a bare LF", "Ab\n", "bare-lf 400"],
    ["a bare LF for an empty line", "\n", "bare-lf 400"],
    ["a bare CR for an empty line", "\rGET", "bare-cr 400"],
  ])("with %s are an error", (_, line, error) => {
    expect(errorOf(`GET / HTTP/1.1\r\n${HOST}${line}\r\n`)).toBe(error);
  });

  test("white space before the first of them is an error", () => {
    expect(errorOf(`GET / HTTP/1.1\r\n ${HOST}\r\n`)).toBe("obs-fold 400");
  });
});

describe("Host", () => {
  test.each([
    ["is missing on HTTP/1.1", "GET / HTTP/1.1\r\n", "host-missing 400"],
    ["is there twice", `GET / HTTP/1.1\r\n${HOST}HOST: a.example\r\n`, "host-repeated 400"],
    ["is there twice on HTTP/1.0", `GET / HTTP/1.0\r\n${HOST}${HOST}`, "host-repeated 400"],
    ["has user information", "GET / HTTP/1.1\r\nHost: u@a\r\n", "bad-host 400"],
    ["has a slash", "GET / HTTP/1.1\r\nHost: a/b\r\n", "bad-host 400"],
    ["has a backslash", "GET / HTTP/1.1\r\nHost: a\\b\r\n", "bad-host 400"],
    ["has a space", "GET / HTTP/1.1\r\nHost: a b\r\n", "bad-host 400"],
    ["has obs-text", "GET / HTTP/1.1\r\nHost: \xe9\r\n", "bad-host 400"],
    ["has a question mark", "GET / HTTP/1.1\r\nHost: a?b\r\n", "bad-host 400"],
    ["has a fragment", "GET / HTTP/1.1\r\nHost: a#b\r\n", "bad-host 400"],
    ["is missing beside an absolute target", "GET http://a/ HTTP/1.1\r\n", "host-missing 400"],
  ])("that %s is an error", (_, start, error) => {
    expect(errorOf(`${start}\r\n`)).toBe(error);
  });

  test("may be missing on HTTP/1.0, and may be empty", () => {
    expect(headOf("GET / HTTP/1.0\r\n\r\n").hostLine).toBe(-1);
    const empty = headOf("GET / HTTP/1.1\r\nA: b\r\nHost:\r\n\r\n");
    expect([empty.hostLine, empty.value(empty.hostLine)]).toEqual([1, ""]);
  });
});

describe("framing", () => {
  test.each([
    ["no line", "", Framing.none, -1],
    ["Content-Length: 0", "Content-Length: 0\r\n", Framing.none, 0],
    ["Content-Length: 7", "Content-Length: 7\r\n", Framing.length, 7],
    [
      "the largest safe length",
      "Content-Length: 9007199254740991\r\n",
      Framing.length,
      2 ** 53 - 1,
    ],
    ["leading zeros", "Content-Length: 007\r\n", Framing.length, 7],
    ["chunked", "Transfer-Encoding: chunked\r\n", Framing.chunked, -1],
    ["chunked in another case", "transfer-encoding:  CHUNKED \r\n", Framing.chunked, -1],
  ])("of %s", (_, line, framing, contentLength) => {
    const head = headOf(`GET / HTTP/1.1\r\n${HOST}${line}\r\n`);
    expect([head.framing, head.contentLength]).toEqual([framing, contentLength]);
  });

  test.each([
    ["Content-Length: 3,3", "bad-length 400"],
    ["Content-Length: 3, 3", "bad-length 400"],
    ["Content-Length: +3", "bad-length 400"],
    ["Content-Length: -3", "bad-length 400"],
    ["Content-Length: 0x3", "bad-length 400"],
    ["Content-Length: 1_0", "bad-length 400"],
    ["Content-Length: 3.0", "bad-length 400"],
    ["Content-Length: 1e1", "bad-length 400"],
    ["Content-Length: 3 3", "bad-length 400"],
    ["Content-Length: \xb3", "bad-length 400"],
    ["Content-Length:", "bad-length 400"],
    ["Content-Length: 9007199254740992", "bad-length 400"],
    ["Content-Length: 18446744073709551619", "bad-length 400"],
    ["Content-Length: 00000000000000003", "bad-length 400"],
    ["Content-Length: 3\r\nContent-Length: 3", "length-repeated 400"],
    ["Content-Length: 3\r\nA: b\r\nCONTENT-LENGTH: 4", "length-repeated 400"],
    ["Content-Length: 0\r\nContent-Length: 0", "length-repeated 400"],
    ["Content-Length: 3\r\nTransfer-Encoding: chunked", "length-and-coding 400"],
    ["Transfer-Encoding: chunked\r\nContent-Length: 3", "length-and-coding 400"],
    ["Content-Length: 0\r\nTransfer-Encoding: chunked", "length-and-coding 400"],
    ["Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "coding-repeated 400"],
    ["Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "coding-repeated 400"],
    ["Transfer-Encoding: identity", "bad-coding 400"],
    ["Transfer-Encoding: chunked, identity", "bad-coding 400"],
    ["Transfer-Encoding: gzip, chunked", "bad-coding 400"],
    ["Transfer-Encoding: chunked, chunked", "bad-coding 400"],
    ["Transfer-Encoding: chunked,", "bad-coding 400"],
    ["Transfer-Encoding: ,chunked", "bad-coding 400"],
    ["Transfer-Encoding: chunked;a=b", "bad-coding 400"],
    ["Transfer-Encoding: xchunked", "bad-coding 400"],
    ["Transfer-Encoding:\tchunked", "bad-coding 400"],
    ["Transfer-Encoding: chunked \t ", "bad-coding 400"],
    ["Content-Length: \t3", "bad-length 400"],
    ["Content-Length: 3\t", "bad-length 400"],
    ['Transfer-Encoding: "chunked"', "bad-coding 400"],
    ["Transfer-Encoding:", "bad-coding 400"],
    ["Transfer-Encoding: \xa0chunked", "bad-coding 400"],
    ["Transfer-Encoding: \x0bchunked", "control-byte 400"],
    ["Transfer-Encoding : chunked", "space-before-colon 400"],
    ["Transfer-Encoding: chunk\x45d\x00", "control-byte 400"],
  ])("of %j is an error", (lines, error) => {
    expect(errorOf(`POST / HTTP/1.1\r\n${HOST}${lines}\r\n\r\n`)).toBe(error);
  });

  test("by Transfer-Encoding on HTTP/1.0 is an error", () => {
    expect(errorOf("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n")).toBe(
      "coding-on-1.0 400",
    );
  });
});

describe("the connection", () => {
  test.each([
    ["1.1", "", true],
    ["1.1", "Connection: close\r\n", false],
    ["1.1", "Connection: Keep-Alive\r\n", true],
    ["1.1", "Connection: keep-alive, CLOSE\r\n", false],
    ["1.1", "Connection: x\r\nConnection: close\r\n", false],
    ["1.1", "Connection: closed\r\n", true],
    ["1.1", "Proxy-Connection: close\r\n", true],
    ["1.0", "", false],
    ["1.0", "Connection: keep-alive\r\n", true],
    ["1.0", "Connection: keep-alive, close\r\n", false],
    ["1.0", "Keep-Alive: timeout=5\r\n", false],
  ])("on HTTP/%s with %j goes on: %p", (version, line, keepAlive) => {
    expect(headOf(`GET / HTTP/${version}\r\n${HOST}${line}\r\n`).keepAlive).toBe(keepAlive);
  });

  test("names the lines that end here, and is not confused by what is no token", () => {
    const head = headOf(
      `GET / HTTP/1.1\r\n${HOST}Connection: keep-alive ,\t X-A,, "x-b", x c, TE\r\nx-a: 1\r\nX-B: 2\r\nX-AB: 3\r\nte: trailers\r\nConnection: x-AB\r\n\r\n`,
    );
    const named = Array.from({ length: head.count }, (_, line) => line).filter((line) =>
      head.isNamedByConnection(line),
    );
    expect(named.map((line) => head.name(line))).toEqual(["x-a", "X-AB", "te"]);
    expect(head.optionCount).toBe(3);
    expect(head.latin1(head.optionStart(0), head.optionEnd(0))).toBe("X-A");
  });

  test("cannot name Host and the lines of framing", () => {
    const names = "host, content-length, transfer-encoding";
    const head = headOf(
      `GET / HTTP/1.1\r\n${HOST}Connection: ${names}\r\nContent-Length: 1\r\n\r\n`,
    );
    expect([0, 1, 2].map((line) => head.isNamedByConnection(line))).toEqual([false, false, false]);
    expect(head.framing).toBe(Framing.length);
    const chunked = headOf(
      `GET / HTTP/1.1\r\n${HOST}Connection: ${names}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    expect(chunked.isNamedByConnection(2)).toBe(false);
  });

  test.each([
    ["Connection: Upgrade\r\nUpgrade: websocket\r\n", "1.1", true],
    ["Connection: keep-alive, upgrade\r\nUpgrade: h2c\r\n", "1.1", true],
    ["Upgrade: websocket\r\n", "1.1", false],
    ["Connection: upgrade\r\n", "1.1", false],
    ["Connection: Upgrade\r\nUpgrade: websocket\r\n", "1.0", false],
  ])("with %j on HTTP/%s asks for an upgrade: %p", (lines, version, isUpgrade) => {
    expect(headOf(`GET / HTTP/${version}\r\n${HOST}${lines}\r\n`).isUpgrade).toBe(isUpgrade);
  });

  test.each([
    ["", "1.1", Expectation.none],
    ["Expect: 100-Continue\r\n", "1.1", Expectation.continue],
    ["Expect: 100-continue\r\n", "1.0", Expectation.none],
    ["Expect: x\r\n", "1.1", Expectation.unknown],
    ["Expect: 100-continue, x\r\n", "1.1", Expectation.unknown],
    ["Expect: x\r\nExpect: 100-continue\r\n", "1.1", Expectation.unknown],
    ["Expect: 100-continue\r\nExpect: x\r\n", "1.1", Expectation.unknown],
  ])("with %j on HTTP/%s expects %p", (lines, version, expectation) => {
    expect(headOf(`GET / HTTP/${version}\r\n${HOST}${lines}\r\n`).expectation).toBe(expectation);
  });
});

describe("limits", () => {
  const limits: Limits = {
    ...DEFAULT_LIMITS,
    headBytesMax: 100,
    lineCountMax: 4,
    targetBytesMax: 20,
    connectionOptionCountMax: 2,
  };
  const padded = (headBytes: number) => {
    const start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    return `${start}${"x".repeat(headBytes - start.length - 4)}\r\n\r\n`;
  };

  test.each([
    ["head bytes", padded(100), padded(101), "head-too-large 431"],
    [
      "field lines",
      `GET / HTTP/1.1\r\nHost: a\r\n${"A: b\r\n".repeat(3)}\r\n`,
      `GET / HTTP/1.1\r\nHost: a\r\n${"A: b\r\n".repeat(4)}\r\n`,
      "too-many-lines 431",
    ],
    [
      "target bytes",
      `GET /${"t".repeat(19)} HTTP/1.1\r\nHost: a\r\n\r\n`,
      `GET /${"t".repeat(20)} HTTP/1.1\r\nHost: a\r\n\r\n`,
      "target-too-long 414",
    ],
    [
      "connection options",
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: a, close, b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: a, b\r\nConnection: c\r\n\r\n",
      "too-many-connection-options 431",
    ],
  ])("on %s are exact", (_, within, beyond, error) => {
    expect(errorOf(within, limits)).toBeNull();
    expect(errorOf(beyond, limits)).toBe(error);
  });

  test("hold while a head drips in, and what is kept does not grow beyond them", () => {
    const parser = new RequestParser(limits);
    let taken = 0;
    for (const byte of bytesOf("GET / HTTP/1.1\r\nHost: a\r\nX: ".padEnd(500, "x"))) {
      if (parser.push(Uint8Array.of(byte)) === Step.error) break;
      taken++;
    }
    expect([taken, parser.error?.code]).toEqual([99, "head-too-large"]);
  });

  test("more lines than the first room are kept in order", () => {
    const names = Array.from({ length: 100 }, (_, index) => `x-${index}`);
    const head = headOf(
      `GET / HTTP/1.1\r\n${HOST}${names.map((name) => `${name}: v\r\n`).join("")}\r\n`,
    );
    expect(names.map((_, index) => head.name(index + 1))).toEqual(names);
  });
});

describe("a connection", () => {
  test("carries one head after another in one chunk, each beginning where the one before ended", () => {
    const parser = new RequestParser(DEFAULT_LIMITS);
    const chunk = bytesOf(`xxGET /1 HTTP/1.1\r\n${HOST}\r\nGET /2 HTTP/1.1\r\n${HOST}\r\nGET`);
    expect(parser.push(chunk, 2)).toBe(Step.head);
    expect(parser.head.bytes).toBe(chunk);
    const second = parser.consumed;
    expect(parser.push(chunk, second)).toBe(Step.head);
    expect(parser.head.latin1(parser.head.targetStart, parser.head.targetEnd)).toBe("/2");
    expect(parser.push(chunk, parser.consumed)).toBe(Step.more);
    expect([parser.consumed, parser.isPartial]).toEqual([chunk.length, true]);
    expect(parser.push(bytesOf(` /3 HTTP/1.1\r\n${HOST}\r\nrest`))).toBe(Step.head);
    expect(parser.consumed).toBe(` /3 HTTP/1.1\r\n${HOST}\r\n`.length);
    expect(parser.head.latin1(parser.head.targetStart, parser.head.targetEnd)).toBe("/3");
  });

  test("that ends between requests is in order, within one it is an error", () => {
    const text = `\r\nGET / HTTP/1.1\r\n${HOST}\r\n`;
    for (let length = 0; length <= text.length; length++) {
      const parser = parsed(text.slice(0, length));
      const isBetween = length === 0 || length === 2 || length === text.length;
      expect([length, parser.isPartial, parser.finish()?.code]).toEqual([
        length,
        !isBetween,
        isBetween ? undefined : "truncated",
      ]);
    }
  });

  test("stays in error, and an error never lets it go on", () => {
    const parser = parsed("GET\n");
    expect(parser.push(bytesOf(`GET / HTTP/1.1\r\n${HOST}\r\n`))).toBe(Step.error);
    expect(parser.error).toMatchObject({ code: "bare-lf", status: 400, mustClose: true });
  });

  test("gives back its bytes when it is released", () => {
    const parser = parsed(`GET / HTTP/1.1\r\n${HOST}\r\n`);
    parser.release();
    expect([parser.head.bytes.length, parser.head.count]).toEqual([0, 0]);
    expect(parser.push(bytesOf(`GET / HTTP/1.1\r\n${HOST}\r\n`))).toBe(Step.head);
  });
});
