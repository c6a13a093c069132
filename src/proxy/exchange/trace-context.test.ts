import { describe, expect, test } from "bun:test";
import { keepTrace, traceId } from "./trace-context.ts";

const ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";
const VALID = `00-${ID}-${PARENT}-01`;

describe("a traceparent", () => {
  test.each([
    ["of today's version", VALID],
    ["that was not sampled", `00-${ID}-${PARENT}-00`],
    ["of a later version", `cc-${ID}-${PARENT}-01`],
    ["of a later version with parts that nobody knows", `01-${ID}-${PARENT}-01-what-may.come`],
  ])("%s names its trace", (_what, header) => {
    expect(traceId(header)).toBe(ID);
  });

  test.each([
    ["absent", null],
    ["empty", ""],
    ["in upper case", VALID.toUpperCase()],
    ["with a version that is forbidden", `ff-${ID}-${PARENT}-01`],
    ["with a trace id of zeros", `00-${"0".repeat(32)}-${PARENT}-01`],
    ["with a parent id of zeros", `00-${ID}-${"0".repeat(16)}-01`],
    ["with more than its version has", `${VALID}-00`],
    ["of a later version without a dash", `01-${ID}-${PARENT}-01.x`],
    ["of a later version with a space", `01-${ID}-${PARENT}-01-a b`],
    ["of a later version without measure", `01-${ID}-${PARENT}-01-${"x".repeat(100)}`],
    ["too short", VALID.slice(0, -1)],
    ["with another separator", VALID.replaceAll("-", "_")],
    ["with a letter that is no digit", VALID.replace("4", "g")],
    ["sent twice", `${VALID}, ${VALID}`],
    ["with white space before it", ` ${VALID}`],
    ["with a line after it", `${VALID}\n`],
  ])("%s names none", (_what, header) => {
    expect(traceId(header)).toBeNull();
  });
});

describe("the headers of a trace", () => {
  test("stay as they are, or go both", () => {
    const headers = new Headers({ traceparent: VALID, tracestate: "a=1,b=2", other: "x" });
    keepTrace(headers, ID);
    expect(Object.fromEntries(headers)).toEqual({
      traceparent: VALID,
      tracestate: "a=1,b=2",
      other: "x",
    });
    keepTrace(headers, null);
    expect(Object.fromEntries(headers)).toEqual({ other: "x" });
  });
});
