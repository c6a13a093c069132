import { describe, expect, test } from "bun:test";
import { ProxyHeader } from "./proxy-header.ts";

const SIGNATURE = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10];
const FOUR = [203, 0, 113, 7, 10, 0, 0, 1, 0xdc, 4, 0, 80];
const DESTINATION_6 = [0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 2, 0xdc, 4, 0, 80];
const SIX = [0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 1, ...DESTINATION_6];
const MAPPED = [...Array(10).fill(0), 255, 255, 203, 0, 113, 7, ...DESTINATION_6];
const REST = "GET / HTTP/1.1\r\n\r\n";

function binary(command: number, family: number, rest: readonly number[], length = rest.length) {
  return Buffer.from([...SIGNATURE, command, family, length >> 8, length & 255, ...rest]);
}

const text = (line: string) => Buffer.from(line, "latin1");

/** What comes of these bytes, cut into pieces of a size. */
function read(bytes: Uint8Array, size = bytes.length) {
  const header = new ProxyHeader();
  for (let at = 0; at < bytes.length; at += size) {
    const step = header.push(bytes.subarray(at, at + size));
    if (step === "done") return { source: header.source, end: at + header.consumed };
    if (step === "error") return "error";
  }
  return "more";
}

/** The same in two pieces, the first of which has so many bytes. */
function readSplit(bytes: Uint8Array, first: number) {
  const header = new ProxyHeader();
  const step = header.push(bytes.subarray(0, first));
  const base = step === "more" ? first : 0;
  const last = step === "more" ? header.push(bytes.subarray(first)) : step;
  return last === "done" ? { source: header.source, end: base + header.consumed } : last;
}

const longest = "PROXY UNKNOWN ".padEnd(105, "f");
const GOOD: readonly (readonly [string, Buffer, string | null])[] = [
  ["v1 TCP4", text("PROXY TCP4 203.0.113.7 10.0.0.1 56324 80\r\n"), "203.0.113.7"],
  ["v1 ports at their ends", text("PROXY TCP4 203.0.113.7 10.0.0.1 0 65535\r\n"), "203.0.113.7"],
  ["v1 TCP6", text("PROXY TCP6 2001:DB8:0::1 ::1 1 2\r\n"), "2001:db8::1"],
  ["v1 TCP6, mapped", text("PROXY TCP6 ::ffff:203.0.113.7 ::1 1 2\r\n"), "203.0.113.7"],
  ["v1 UNKNOWN", text("PROXY UNKNOWN\r\n"), null],
  ["v1 UNKNOWN with more", text("PROXY UNKNOWN 1.2.3.4 5.6.7.8 1 2\r\n"), null],
  ["v1 of 107 bytes", text(`${longest}\r\n`), null],
  ["v2 TCP4", binary(0x21, 0x11, FOUR), "203.0.113.7"],
  ["v2 TCP4 with more parts", binary(0x21, 0x11, [...FOUR, 4, 0, 1, 0]), "203.0.113.7"],
  ["v2 TCP6", binary(0x21, 0x21, SIX), "2001:db8::1"],
  ["v2 TCP6, mapped", binary(0x21, 0x21, MAPPED), "203.0.113.7"],
  ["v2 LOCAL", binary(0x20, 0, []), null],
  ["v2 LOCAL with an address", binary(0x20, 0x11, FOUR), null],
  ["v2 UNSPEC", binary(0x21, 0, [1, 2, 3]), null],
  ["v2 of 536 bytes", binary(0x21, 0x11, [...FOUR, ...Array(508).fill(0)]), "203.0.113.7"],
];

const BAD: readonly (readonly [string, Buffer])[] = [
  ["HTTP", text("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
  ["HTTP/2", text("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")],
  ["lower case", text("proxy TCP4 203.0.113.7 10.0.0.1 1 2\r\n")],
  ["a bare LF", text("PROXY TCP4 203.0.113.7 10.0.0.1 1 2\n")],
  ["a bare CR", text("PROXY TCP4 203.0.113.7 10.0.0.1 1 2\rX")],
  ["a bare LF behind UNKNOWN", text("PROXY UNKNOWN\nGET / HTTP/1.1\r\n")],
  ["a NUL", text("PROXY UNKNOWN \0\r\n")],
  ["a byte beyond ASCII", text("PROXY UNKNOWN \xe9\r\n")],
  ["v1 of 108 bytes", text(`${longest}f\r\n`)],
  ["v1 without an end", text("PROXY UNKNOWN ".padEnd(106, "f"))],
  ["another word for UNKNOWN", text("PROXY UNKNOWNS\r\n")],
  ["no protocol", text("PROXY \r\n")],
  ["UDP4", text("PROXY UDP4 203.0.113.7 10.0.0.1 1 2\r\n")],
  ["a leading zero", text("PROXY TCP4 203.0.113.07 10.0.0.1 1 2\r\n")],
  ["a short address", text("PROXY TCP4 10.1 10.0.0.1 1 2\r\n")],
  ["TCP4 with IPv6", text("PROXY TCP4 2001:db8::1 10.0.0.1 1 2\r\n")],
  ["TCP4 with a mapped address", text("PROXY TCP4 ::ffff:1.2.3.4 10.0.0.1 1 2\r\n")],
  ["TCP6 with IPv4", text("PROXY TCP6 203.0.113.7 10.0.0.1 1 2\r\n")],
  ["TCP6 with a zone", text("PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n")],
  ["a destination that is no address", text("PROXY TCP4 203.0.113.7 x 1 2\r\n")],
  ["two spaces", text("PROXY TCP4  203.0.113.7 10.0.0.1 1 2\r\n")],
  ["a space at the end", text("PROXY TCP4 203.0.113.7 10.0.0.1 1 2 \r\n")],
  ["one port", text("PROXY TCP4 203.0.113.7 10.0.0.1 1\r\n")],
  ["three ports", text("PROXY TCP4 203.0.113.7 10.0.0.1 1 2 3\r\n")],
  ["a port above 65535", text("PROXY TCP4 203.0.113.7 10.0.0.1 65536 2\r\n")],
  ["a port with a zero in front", text("PROXY TCP4 203.0.113.7 10.0.0.1 01 2\r\n")],
  ["a port with a sign", text("PROXY TCP4 203.0.113.7 10.0.0.1 +1 2\r\n")],
  ["a broken signature", Buffer.from([...SIGNATURE.slice(0, 11), 11, 0x21, 0x11, 0, 12, ...FOUR])],
  ["version 1 in binary", binary(0x11, 0x11, FOUR)],
  ["version 3", binary(0x31, 0x11, FOUR)],
  ["an unknown command", binary(0x22, 0x11, FOUR)],
  ["v2 UDP4", binary(0x21, 0x12, FOUR)],
  ["v2 UDP6", binary(0x21, 0x22, SIX)],
  ["v2 UNIX", binary(0x21, 0x31, Array(216).fill(0))],
  ["v2 TCP4, too short", binary(0x21, 0x11, FOUR.slice(1))],
  ["v2 TCP6, too short", binary(0x21, 0x21, SIX.slice(1))],
  ["v2 of 537 bytes", binary(0x21, 0x11, [...FOUR, ...Array(509).fill(0)])],
  ["v2 of 65,551 bytes", binary(0x20, 0, [], 65_535)],
];

describe("a PROXY header", () => {
  test.each(GOOD)("%s says its source", (_name, bytes, source) => {
    const expected = { source, end: bytes.length };
    expect(read(bytes)).toEqual(expected);
    const followed = Buffer.concat([bytes, text(REST)]);
    expect(read(followed)).toEqual(expected);
    expect(read(followed, 1)).toEqual(expected);
    for (let first = 1; first < followed.length; first++) {
      expect(readSplit(followed, first)).toEqual(expected);
    }
  });

  test.each(GOOD)("%s is not read before its end", (_name, bytes) => {
    for (let end = 1; end < bytes.length; end++) expect(read(bytes.subarray(0, end))).toBe("more");
  });

  test.each(BAD)("with %s is malformed", (_name, bytes) => {
    const followed = Buffer.concat([bytes, text(REST)]);
    expect(read(followed)).toBe("error");
    expect(read(followed, 1)).toBe("error");
    for (let first = 1; first < followed.length; first++) {
      expect(readSplit(followed, first)).toBe("error");
    }
  });

  test("that follows another one is HTTP", () => {
    const line = "PROXY TCP4 203.0.113.7 10.0.0.1 1 2\r\n";
    expect(read(text(line + line))).toEqual({ source: "203.0.113.7", end: line.length });
  });
});
