import { expect, test } from "bun:test";
import { canonicalProgram } from "./program.ts";

test.each([
  ["terminal", "terminal", "a name of its own"],
  ["kv", "sqlite", "alias"],
  ["db", "sqlite", "alias"],
  ["note", "notes", "alias"],
  ["tun", "tunnel", "alias"],
  ["n", "notifications", "alias"],
  ["notification-server", "notifications", "alias with a dash"],
  ["proxy-logs", "logs", "alias"],
  ["hoody-daemon", "daemon", "alias"],
  ["workspaces", "agent", "older name"],
  ["workspace", "agent", "older name"],
  ["app", "run", "older name"],
  ["9p_x-y", "9p_x-y", "digits, underscore, dash"],
  ["a".repeat(50), "a".repeat(50), "longest"],
  ["a".repeat(51), undefined, "too long"],
  ["", undefined, "empty"],
  ["-a", undefined, "leading dash"],
  ["Terminal", undefined, "upper case"],
  ["terminal\n", undefined, "line end"],
  ["__proto__", undefined, "leading underscore"],
  ["constructor", "constructor", "an ordinary name here"],
])("canonicalProgram(%j) is %j: %s", (name, program) => {
  expect(canonicalProgram(name)).toBe(program);
});
