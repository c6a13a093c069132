import { expect, test } from "bun:test";
import { jsonFaults } from "./json-faults.ts";

const found = (text: string, max = 100) => {
  JSON.parse(text);
  return jsonFaults(text, max).map(({ kind, path }) => `${kind} ${path.join("/")}`);
};

test.each([
  ["nothing to say", '{"a":[1,"2",{"b":null}],"c":{"a":true},"":-1.5e-3}', []],
  ["a number at the root", "12345678901234567890", ["number "]],
  ["nested numbers", '{"a":[1,{"b":1e400}],"c":-0}', ["number a/1/b", "number c"]],
  ["equal names", '{"a":1,"b":{"a":2,"a":3},"a":4}', ["duplicate b/a", "duplicate a"]],
  ["a name written with an escape", String.raw`{"a":1,"\u0061":2}`, ["duplicate a"]],
  ["equal names of several objects", '[{"a":1},{"a":1}]', []],
  ["texts are no numbers", String.raw`{"1e400":"12345678901234567890\\","x":"\"-0"}`, []],
  ["text that looks like structure", String.raw`{"a":"{\"b\":1,\"b\":2","c":"],[\\"}`, []],
  [
    "a name like a method",
    '{"__proto__":1e999,"__proto__":2}',
    ["number __proto__", "duplicate __proto__"],
  ],
  ["white space", '\n{ "a" : [ 1e400 ,\t2 ] }', ["number a/0"]],
  ["an array in an array", "[[],[1,[9007199254740993]]]", ["number 1/1/0"]],
] as const)("%s", (_what, text, faults) => {
  expect(found(text)).toEqual([...faults]);
});

test("at most as many as asked for", () => {
  expect(found(`[${Array(50).fill("1e400").join()}]`, 7)).toHaveLength(7);
});

test("quotes and backslashes cost one pass", () => {
  expect(jsonFaults(JSON.stringify({ a: '\\"'.repeat(100_000) }), 1)).toEqual([]);
});
