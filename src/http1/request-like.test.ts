import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { beginsLikeRequest, mayHoldRequest } from "./request-like.ts";

const may = (text: string) => {
  const bytes = Buffer.from(`??${text}`, "latin1");
  return beginsLikeRequest(bytes, 2, bytes.length);
};

test.each([
  ["a request", "GET /x HTTP/1.1\r\n"],
  ["one of HTTP/0.9", "GET /x\r\n"],
  ["the beginning of one", "GET /"],
  ["a method alone, which may go on", "GET"],
  ["nothing, which may go on", ""],
  ["empty lines before it", "\r\n\n\r\nGET /x"],
  ["spaces before it", " \t GET /x"],
  ["tabs between its words", "GET\t/x"],
  ["what a language takes for space", "\xa0GET\x85/x\x1cHTTP/1.1\r\n"],
  ["a method that nobody knows", "x.y /x"],
  ["words", "hello world"],
])("may be a request: %s", (_what, text) => expect(may(text)).toBe(true));

test.each([
  ["a form", "a=b&c=d e"],
  ["JSON", '{"a": "GET / HTTP/1.1"}'],
  ["a list", " [1, 2]"],
  ["a part of several", "--boundary\r\nContent-Disposition: form-data\r\n"],
  ["markup", "<a b>"],
  ["packed bytes", "\x1f\x8b\x08\x00"],
  ["a line without a space", "GET\r\n/ HTTP/1.1"],
  ["a word longer than any method", `${"x".repeat(64)} /x`],
])("is none: %s", (_what, text) => expect(may(text)).toBe(false));

test("what is none stays none whatever follows, and of what begins one all beginnings do", () => {
  const letters = fc.constantFrom(
    "G",
    "E",
    "T",
    " ",
    "\t",
    "\r",
    "\n",
    "/",
    "{",
    "\xa0",
    "\x00",
    ":",
  );
  fc.assert(
    fc.property(fc.string({ unit: letters, maxLength: 90 }), fc.nat(90), (text, cut) => {
      const begin = text.slice(0, cut);
      if (!may(begin)) expect(may(text)).toBe(false);
      if (may(text)) expect(may(begin)).toBe(true);
    }),
  );
});

describe("further on", () => {
  const holds = (text: string, isWhole = true) => {
    const bytes = Buffer.from(`HTTP/${text}HTTP/`, "latin1");
    return mayHoldRequest(bytes, 5, bytes.length - 5, isWhole);
  };

  test.each([
    ["behind a word that is no method", '{"a": /forged HTTP/1.1\r\nHost: x\r\n\r\n'],
    ["behind a byte beyond ASCII", "\xe9 /forged HTTP/1.1\r\n"],
    ["behind a word of any length", `${"x".repeat(70)} /forged HTTP/1.1\r\n`],
    ["behind a line that is none", "x\r\nGET /forged HTTP/1.1\r\n"],
  ])("a version makes a request %s", (_what, text) => {
    expect(holds(text)).toBe(true);
    // It is not there yet, and may come.
    const begin = text.slice(0, text.indexOf("HTTP"));
    expect([holds(begin), holds(begin, false)]).toEqual([false, true]);
  });

  test("a server takes no longer head", () => {
    expect(holds(`{${"x".repeat(65_530)} HTTP/1.1`)).toBe(false);
    expect(holds(`{${"x".repeat(65_530)} HTTP/1.1`, false)).toBe(false);
    expect(holds(`{${"x".repeat(65_000)}`, false)).toBe(true);
  });
});
