import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseJsonText, pointAt } from "./json-text.ts";

describe("what is JSON", () => {
  test("is read as JSON.parse reads it", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        const read = parseJsonText(text);
        if (!read.ok && wouldRound(read.problem)) expect(text).toMatch(/\d{16}|-0|e/i);
        else expect(read).toEqual({ ok: true, value: JSON.parse(text) });
      }),
    );
  });

  test("and what is not, is not: whatever is struck out of it", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 3 }), fc.nat(), (text, seed) => {
        const at = text.length === 0 ? 0 : seed % text.length;
        const broken = text.slice(0, at) + text.slice(at + 1);
        const read = parseJsonText(broken);
        const isRefused = !read.ok && (hasNameTwice(read.problem) || wouldRound(read.problem));
        if (!isRefused) expect(read.ok).toBe(isJson(broken));
        if (!read.ok) expect(read.at).toBeLessThanOrEqual(broken.length);
      }),
    );
  });

  test.each([
    ["a name __proto__ is a name as others", '{"__proto__": 1}', { ["__proto__"]: 1 }],
    ["surrogate pairs by their escapes", '"\\ud83d\\ude00"', "😀"],
    ["space around", " \n[1 ,\t2] ", [1, 2]],
    ["numbers of every form", "[-0.5e+3,0,12E2]", [-500, 0, 1200]],
  ])("%s", (_name, text, value) => {
    expect(parseJsonText(text)).toEqual({ ok: true, value });
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function wouldRound(problem: string): boolean {
  return problem.startsWith("a number that would not be kept exactly");
}

function hasNameTwice(problem: string): boolean {
  return problem.startsWith("duplicate name ");
}

describe("where it goes wrong", () => {
  test.each([
    ["{'type': \"ip\"}", 1, "expected a name in double quotes: JSON uses double quotes"],
    ["{\"a\": 'x'}", 6, "expected a value: JSON uses double quotes"],
    ['{"type": "ip",}', 14, "expected a name in double quotes: a comma too many?"],
    ["[1,2,]", 5, "expected a value: a comma too many?"],
    [
      '{"uid":[1,281674916028284930]}',
      10,
      "a number that would not be kept exactly: write it as text",
    ],
    ["-0", 0, "a number that would not be kept exactly: write it as text"],
    ['{"type" "ip"}', 8, "expected :"],
    ['{"a": 1 "b": 2}', 8, "expected , or }"],
    ["[1 2]", 3, "expected , or ]"],
    ['{"a": "x', 6, "unterminated string: expected a double quote"],
    ['{"a": 1', 7, "expected , or }"],
    ["", 0, "expected a value, and it ends here"],
    ['{"a": 1} x', 9, "expected the end"],
    ['"\\x"', 1, "not a JSON escape"],
    ['"a\nb"', 2, "control character in a string: write it as \\n, \\t or \\u00XX"],
    ["01", 1, "expected the end"],
    ["True", 0, "expected a value"],
    ['{"terminal": true, "terminal": false}', 19, 'duplicate name "terminal"'],
  ])("%s at %d: %s", (text, at, problem) => {
    expect(parseJsonText(text)).toEqual({ ok: false, at, problem });
  });

  test("nesting has an end", () => {
    const deep = "[".repeat(10_000);
    expect(parseJsonText(deep)).toMatchObject({ ok: false, at: 65 });
  });
});

describe("the caret", () => {
  test.each([
    ["stands under the place", "[1,2,]", 5, "[1,2,]", "     ^"],
    ["counts what is shown, not units", '"日本" x', 5, '"日本" x', "       ^"],
    ["takes line breaks for one column", "[1,\n2,]", 6, "[1, 2,]", "      ^"],
    [
      "shows a part of a long line",
      "x".repeat(100),
      50,
      `…${"x".repeat(60)}…`,
      `${" ".repeat(31)}^`,
    ],
    ["shows escape sequences as text", "\u001b[2J!", 4, "\\u{1b}[2J!", "         ^"],
  ])("%s", (_name, text, at, line, caret) => {
    expect(pointAt(text, at)).toEqual([line, caret]);
  });
});
