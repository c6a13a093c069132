import { describe, expect, test } from "bun:test";
import { type HostName, hostParser } from "./host.ts";

const P = "0123456789abcdef01234567";
const C = "89abcdef0123456789abcdef";
const PARENT = "local.containers.example.test";
const parse = hostParser("local", "example.test");

const direct = (program: string, instance: number): HostName => ({
  kind: "direct",
  project: P,
  container: C,
  program,
  instance,
});

describe("a host that names a program", () => {
  test.each([
    ["terminal-1", "terminal", 1],
    ["terminal", "terminal", 1],
    ["terminal-9999", "terminal", 9999],
    ["files", "files", 1],
    ["http-8080", "http", 8080],
    ["http", "http", 80],
    ["http-1", "http", 1],
    ["http-65535", "http", 65535],
    ["https", "https", 443],
    ["https-65535", "https", 65535],
    ["ssh", "ssh", 22],
    ["ssh-22", "ssh", 22],
    ["kv-2", "sqlite", 2],
    ["db", "sqlite", 1],
    ["note-1", "notes", 1],
    ["tun-1", "tunnel", 1],
    ["n-3", "notifications", 3],
    ["notifications-1", "notifications", 1],
    ["notification-server", "notifications", 1],
    ["notification-server-9999", "notifications", 9999],
    ["hoody-daemon", "daemon", 1],
    ["hoody-daemon-1", "daemon", 1],
    ["proxy-logs-1", "logs", 1],
    ["proxy-logs", "logs", 1],
    ["workspaces-1", "agent", 1],
    ["workspace-1", "agent", 1],
    ["app-1", "run", 1],
    ["proxy", "proxy", 1],
    ["desktop-7", "desktop", 7],
    ["7zip-2", "7zip", 2],
  ])("%s is that program and instance", (service, program, instance) => {
    expect(parse(`${P}-${C}-${service}.${PARENT}`)).toEqual(direct(program, instance));
  });

  test.each([
    [`${P}-${C}-terminal-1.${PARENT}.`, "a single trailing dot"],
    [`${P}-${C}-terminal-1.${PARENT}:443`, "a port"],
    [`${P}-${C}-terminal-1.${PARENT}.:1`, "a trailing dot and a port"],
    [`${P}-${C}-terminal-1.${PARENT}:65535`, "the last port"],
    [`${P}-${C}-TERMINAL-1.${PARENT}`.toUpperCase(), "upper case"],
  ])("%s is the same host in spite of %s", (header) => {
    expect(parse(header)).toEqual(direct("terminal", 1));
  });
});

describe("the scripts of exec", () => {
  test.each([
    [`blog.${P}-${C}-exec-1.${PARENT}`, 1],
    [`Blog9.${P}-${C}-EXEC-12.${PARENT}:8000`, 12],
    [`x.${P}-${C}-exec.${PARENT}.`, 1],
    [`${"d".repeat(63)}.${P}-${C}-exec-1.${PARENT}`, 1],
  ])("%s has a directory before the instance", (header, instance) => {
    expect(parse(header)).toEqual(direct("exec", instance));
  });

  test.each([
    [`a-b.${P}-${C}-exec-1.${PARENT}`, "a dash in the directory"],
    [`a.b.${P}-${C}-exec-1.${PARENT}`, "two directories"],
    [`a.${P}-${C}-exec-0.${PARENT}`, "no such instance"],
    [`a.${P}-${C}-exec-main.${PARENT}`, "an instance with a name"],
    [`a.${P}-${C}-http-80.${PARENT}`, "another program"],
    [`a.${P}-${C}-execs-1.${PARENT}`, "a program that begins so"],
    [`a.blog.${PARENT}`, "an alias"],
    [`a.${P}-${C}-exec-1.${PARENT}.evil.test`, "another domain"],
    [`a.${P}-${C}-exec-1.containers.example.test`, "no server"],
    [`a.${P}-${C}-exec-1`, "nothing behind it"],
  ])("%s is unknown_host: %s", (header) => {
    expect(parse(header)).toEqual({ kind: "refused", reason: "unknown_host" });
  });

  test("of another server are no_container", () => {
    expect(parse(`blog.${P}-${C}-exec-1.other.containers.example.test`)).toEqual({
      kind: "refused",
      reason: "no_container",
    });
  });
});

describe("a malformed host", () => {
  const host = `${P}-${C}-terminal-1.${PARENT}`;
  test.each([
    [null, "absent"],
    ["", "empty"],
    [".", "only a dot"],
    [`${host}:`, "port without digits"],
    [`${host}:0`, "port zero"],
    [`${host}:080`, "port with a leading zero"],
    [`${host}:65536`, "port too large"],
    [`${host}:4294967376`, "port that would wrap"],
    [`${host}:abc`, "port not a number"],
    [`${host}:-1`, "negative port"],
    [`${host}:80:80`, "two ports"],
    [`${host}..`, "two trailing dots"],
    [`.${host}`, "leading dot"],
    ["a..b", "empty label"],
    [`${host}, ${host}`, "two Host lines as the runtime joins them"],
    [`user@${host}`, "userinfo"],
    [`${host}/`, "slash"],
    [`${host}\\`, "backslash"],
    [`${host}?`, "question mark"],
    [`${host}#`, "fragment"],
    [`${host}%2e`, "percent"],
    ["%61.example.test", "percent-encoded letter"],
    [`a b.${PARENT}`, "space"],
    [`a\t.${PARENT}`, "tab"],
    [`a_b.${PARENT}`, "underscore"],
    [`+1.${PARENT}`, "plus"],
    [`\u00e9.${PARENT}`, "beyond ASCII"],
    [`\u0131.${PARENT}`, "a letter that folds into ASCII"],
    ["[::1]:8000", "IPv6 literal"],
    [`${"a".repeat(64)}.${PARENT}`, "label of 64"],
    [`${P}-${C}-${"a".repeat(14)}.${PARENT}`, "direct label of 64"],
    [`a.${"b".repeat(64)}.${PARENT}`, "second label of 64"],
    [`${"a.".repeat(127)}a`, "name of 255"],
  ])("%j is bad_host: %s", (header) => {
    expect(parse(header)).toEqual({ kind: "refused", reason: "bad_host" });
  });
});

describe("a well-formed host outside the grammar", () => {
  test.each([
    ["example.test", "the bare domain"],
    [PARENT, "the bare server"],
    [`containers.example.test`, "the bare containers domain"],
    ["127.0.0.1:8000", "an address"],
    ["localhost", "one label"],
    [`${P}-${C}-terminal-1.local.containers.evil.test`, "another domain"],
    [`${P}-${C}-terminal-1.${PARENT}.evil.test`, "our domain inside another"],
    [
      `${P}-${C}-terminal-1.localxcontainers.example.test`,
      "a server label that only looks like it",
    ],
    [`x.${P}-${C}-terminal-1.${PARENT}`, "an extra left label"],
    [`blog.other.containers.example.test`, "an alias of another server"],
    [`${P}-${C}-terminal-0.${PARENT}`, "instance zero"],
    [`${P}-${C}-terminal-01.${PARENT}`, "leading zero"],
    [`${P}-${C}-code-10000.${PARENT}`, "instance above 9999"],
    [`${P}-${C}-terminal-1e1.${PARENT}`, "an exponent"],
    [`${P}-${C}-terminal-0x1.${PARENT}`, "hexadecimal"],
    [`${P}-${C}-terminal--1.${PARENT}`, "a negative instance"],
    [`${P}-${C}-terminal-.${PARENT}`, "a dash and nothing"],
    [`${P}-${C}--1.${PARENT}`, "no slug"],
    [`${P}-${C}-run-2-3.${PARENT}`, "two instances"],
    [`${P}-${C}-http-0.${PARENT}`, "port zero"],
    [`${P}-${C}-http-65536.${PARENT}`, "a port above 65535"],
    [`${P}-${C}-ssh-23.${PARENT}`, "ssh elsewhere"],
    [`${P}-${C}-a-4294967297.${PARENT}`, "2^32+1 is not instance 1"],
  ])("%s is unknown_host: %s", (header) => {
    expect(parse(header)).toEqual({ kind: "refused", reason: "unknown_host" });
  });

  test("a container of another server is no_container", () => {
    expect(parse(`${P}-${C}-terminal-1.other.containers.example.test`)).toEqual({
      kind: "refused",
      reason: "no_container",
    });
  });

  test.each([
    ["blog", "a name"],
    [`${P.slice(1)}-${C}-terminal-1`, "23 digits"],
    [`${P}0-${C}-run`, "25 digits"],
    [`${P.slice(1)}g-${C}-run`, "a digit that is not hex"],
    [`${P}-${C}`, "ids alone"],
    [`${P}-${C}-`, "ids and a dash"],
  ])("%s is the shape of an alias: %s", (label) => {
    expect(parse(`${label}.${PARENT}`)).toEqual({ kind: "alias", name: label });
  });
});

test("server name and domain are compared in any letter case", () => {
  const host = hostParser(
    "Node-A",
    "Example.TEST",
  )(`${P}-${C}-code-1.node-a.containers.example.test`);
  expect(host).toEqual(direct("code", 1));
});

test("more hosts than are remembered are all read right, the first time and again", () => {
  for (let round = 0; round < 2; round++) {
    for (let n = 1; n <= 9_999; n++) {
      expect(parse(`${P}-${C}-code-${n}.${PARENT}`)).toEqual(direct("code", n));
    }
  }
});
