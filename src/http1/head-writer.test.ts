import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { HeadWriter } from "./head-writer.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { RequestParser } from "./request-parser.ts";

function written(write: (writer: HeadWriter) => void, bytesMax = 1_000): string | undefined {
  const writer = new HeadWriter(bytesMax);
  write(writer.begin());
  return writer.finish()?.toString("latin1");
}

describe("a head writer", () => {
  test("writes all lines that were not dropped, as they came", () => {
    const names = fc.constantFrom("A", "b-c", "X-Long-Name-Of-Many-Bytes");
    const values = fc.constantFrom("", "1", "a  b", "x".repeat(40), "\xe9");
    const space = fc.constantFrom("", " ", "\t  ");
    const line = fc.tuple(names, space, values, space, fc.boolean());
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        const texts = lines.map(
          ([name, before, value, after]) => `${name}:${before}${value}${after}\r\n`,
        );
        const parser = new RequestParser(DEFAULT_LIMITS);
        parser.push(Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\n${texts.join("")}\r\n`, "latin1"));
        lines.forEach(([, , , , isDropped], index) => {
          if (isDropped) parser.head.drop(index + 1);
        });
        const kept = texts.filter((_, index) => lines[index]?.[4] === false);
        expect(written((writer) => writer.keptLines(parser.head))).toBe(
          `Host: a\r\n${kept.join("")}`,
        );
        parser.head.drop(0);
        expect(written((writer) => writer.keptLines(parser.head))).toBe(kept.join(""));
      }),
    );
  });

  test.each([
    [0, "0", "0"],
    [9, "9", "9"],
    [10, "10", "a"],
    [255, "255", "ff"],
    [256, "256", "100"],
    [16_384, "16384", "4000"],
    [2 ** 32, "4294967296", "100000000"],
    [Number.MAX_SAFE_INTEGER, "9007199254740991", "1fffffffffffff"],
  ])("writes %p as %s, and as a chunk line %s", (value, decimal, hexadecimal) => {
    expect(written((writer) => writer.integer(value))).toBe(decimal);
    expect(written((writer) => writer.chunkLine(value))).toBe(`${hexadecimal}\r\n`);
  });

  test("writes a status line with any reason", () => {
    const reason = Buffer.from("xNot Foundx");
    expect(written((writer) => writer.statusLine(404, reason, 1, 10))).toBe(
      "HTTP/1.1 404 Not Found\r\n",
    );
    expect(written((writer) => writer.statusLine(999, Buffer.alloc(0)))).toBe("HTTP/1.1 999 \r\n");
  });

  test("does not hand out a head that did not fit, and takes the next one", () => {
    const writer = new HeadWriter(30);
    const long = Buffer.alloc(31, "x");
    expect(writer.begin().bytes(long).finish()).toBeNull();
    expect(writer.begin().bytes(long).byte(65).finish()).toBeNull();
    expect(writer.begin().bytes(long.subarray(1)).crlf().finish()).toBeNull();
    expect(writer.begin().bytes(long.subarray(2)).integer(10).finish()).toBeNull();
    expect(writer.begin().bytes(long.subarray(1)).statusLine(200, long, 0, 0).finish()).toBeNull();
    expect(writer.begin().bytes(long.subarray(1)).finish()?.length).toBe(30);
  });
});
