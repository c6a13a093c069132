import { describe, expect, test } from "bun:test";
import { NO_PORT, ProgramPorts } from "./program-ports.ts";

const ports = new ProgramPorts(
  {
    terminal: { port: 7681, stride: 0 },
    code: { port: 8000, stride: 1 },
    files: { port: 8005, stride: 0 },
    curl: { port: 9000, stride: 10 },
    twin: { port: 9000, stride: 10 },
    high: { port: 65530, stride: 3 },
    http: { port: 5000, stride: 0 },
    ssh: { port: 5001, stride: 0 },
  },
  { terminal: 76, display: 3998, sqlite: 5 },
);

describe("a request by program", () => {
  test.each([
    ["terminal", 1, "terminal", 1, 7681, "the container's own port"],
    ["terminal", 42, "terminal", 42, 7681, "stride 0: one port, decided as named"],
    ["sqlite", 3, "sqlite", 3, 5, "the default of the installation"],
    ["code", 1, "code", 1, 8000, "instance 1 at the base"],
    ["code", 3, "code", 3, 8002, "instance n at base + (n-1)*stride"],
    ["code", 6, "files", 1, 8005, "a port of another program is that program's"],
    ["curl", 2, "curl", 2, 9010, "a wider stride"],
    ["twin", 2, "curl", 2, 9010, "same base and stride: the first by name"],
    ["high", 2, "high", 2, 65533, "still a port"],
    ["high", 3, "high", 3, NO_PORT, "beyond the last port"],
    ["high", 9999, "high", 9999, NO_PORT, "never wraps"],
    ["browser", 2, "browser", 2, NO_PORT, "a program without a port"],
    ["constructor", 1, "constructor", 1, NO_PORT, "a hostile name"],
  ])("%s-%d is decided as %s-%d at port %d: %s", (program, n, owner, ownInstance, port) => {
    expect(ports.target(program, n)).toEqual({ program: owner, instance: ownInstance, port });
  });
});

describe("a request by port", () => {
  test.each([
    ["http", 3000, "http", 3000, "nobody's port"],
    ["https", 3000, "https", 3000, "nobody's port"],
    ["http", 7681, "terminal", 1, "a program's port"],
    ["https", 7681, "terminal", 1, "also with https"],
    ["http", 76, "http", 76, "an overridden default is nobody's"],
    ["http", 5, "sqlite", 1, "a default port"],
    ["http", 8000, "code", 1, "the base of a row"],
    ["http", 8001, "code", 2, "the second of a row"],
    ["http", 7999, "http", 7999, "one below a row"],
    ["http", 8005, "files", 1, "the largest base wins"],
    ["http", 8006, "code", 7, "the row goes on behind it"],
    ["http", 9000, "curl", 1, "the first by name"],
    ["http", 9001, "code", 1002, "between two of a row"],
    ["http", 17998, "code", 9999, "the last of a row"],
    ["http", 17999, "http", 17999, "a row ends at instance 9999"],
    ["http", 5000, "http", 5000, "`http` in programs is no entry"],
    ["ssh", 22, "ssh", 22, "the port of ssh"],
    ["http", 22, "ssh", 22, "http-22 is ssh"],
    ["https", 22, "ssh", 22, "https-22 is ssh"],
    ["http", 65535, "http", 65535, "the last port"],
  ])("%s-%d is decided as %s-%d: %s", (program, port, owner, instance) => {
    expect(ports.target(program, port)).toEqual({ program: owner, instance, port });
  });
});

test("aliases of programs are canonical, broken entries are left out", () => {
  const table = new ProgramPorts(
    { db: { port: 7000, stride: 0 }, bad: { port: 0, stride: 0 }, worse: { port: 9, stride: -1 } },
    { "Not A Program": 7001 },
  );
  expect(table.target("sqlite", 1).port).toBe(7000);
  expect(table.target("bad", 1).port).toBe(NO_PORT);
  expect(table.target("worse", 1).port).toBe(NO_PORT);
});
