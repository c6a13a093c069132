import { describe, expect, test } from "bun:test";
import type { Flag, FlagKind } from "./flag.ts";
import { readFlag } from "./read-flag.ts";

function read(kind: FlagKind, ...texts: string[]) {
  const flag: Flag = { kind, about: "" };
  const found = readFlag("flag", flag, texts);
  return found.ok ? found.value : found.problem;
}

describe("a value is read by its kind", () => {
  test.each([
    ["integer", ["12"], 12],
    ["list", ["a, b", "c"], ["a", "b", "c"]],
    ["list", [""], []],
    ["texts", ["a, b", "c"], ["a, b", "c"]],
    ["json", ['{"a": [1]}'], { a: [1] }],
    ["json-map", ["a=1", 'b={"c": "="}'], { a: 1, b: { c: "=" } }],
    ["text-map", ["A=1", "B=x=y", "C="], { A: "1", B: "x=y", C: "" }],
    [
      "claims",
      ["aud=api", "n:=42", "ok:=true", "id=42"],
      { aud: "api", n: 42, ok: true, id: "42" },
    ],
    ["time", ["1795578134"], 1_795_578_134],
    ["time", ["tomorrow"], "tomorrow"],
    ["access", ["true"], true],
    ["access", ["1"], 1],
    ["access", ["[1,2,3]"], [1, 2, 3]],
    ["access", ["1-5"], "1-5"],
    ["access", ['"1-5"'], "1-5"],
    ["access", ["*"], "*"],
  ] as const)("%s %j is %j", (kind, texts, value) => {
    expect(read(kind, ...texts)).toEqual(value as unknown as string);
  });
});

describe("what cannot be read is told", () => {
  test.each([
    ["integer", ["1.5"], ["--flag is a whole number; not 1.5"]],
    ["integer", ["\u001b[2J"], ["--flag is a whole number; not \\u{1b}[2J"]],
    ["text", ["a", "b"], ["--flag is given twice"]],
    ["json-map", ["a"], ["--flag is written --flag NAME=VALUE"]],
    ["json-map", ["=1"], ["--flag is written --flag NAME=VALUE"]],
    ["json-map", ["a=1", "a=2"], ["--flag a is given twice"]],
    ["claims", ["a=1", "a:=2"], ["--flag a is given twice"]],
    [
      "claims",
      ["uid:=281674916028284930"],
      [
        "--flag uid: is not JSON: a number that would not be kept exactly: write it as text",
        "  281674916028284930",
        "  ^",
      ],
    ],
    ["access", ["all"], ["--flag is true, false, an instance, [1,2], 1-5 or *; not all"]],
    ["access", ["[1,2"], ["--flag is not JSON: expected , or ]", "  [1,2", "      ^"]],
    [
      "json-map",
      ["team={'type': 1}"],
      [
        "--flag team is not JSON: expected a name in double quotes: JSON uses double quotes",
        "  {'type': 1}",
        "   ^",
      ],
    ],
    [
      "json-file",
      ["{\n  oops\n}"],
      ["--flag is not JSON in line 2: expected a name in double quotes", "  {   oops }", "      ^"],
    ],
  ] as const)("%s %j", (kind, texts, problem) => {
    expect(read(kind, ...texts)).toEqual(problem as unknown as string);
  });

  test("a choice names the others; a secret is not repeated", () => {
    const flag: Flag = { kind: "text", about: "", choices: ["allow", "deny"] };
    expect(readFlag("default", flag, ["alow"])).toEqual({
      ok: false,
      problem: ["--default is one of allow, deny; not alow"],
    });
    const secret = readFlag("default", { ...flag, secret: true }, ["hunter2"]);
    expect(JSON.stringify(secret)).not.toContain("hunter2");
  });
});
