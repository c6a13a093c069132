import { expect, test } from "bun:test";
import { parseConnect } from "./connect.ts";

const HOST = "p-c-ssh-22.local.containers.example.test";

test.each<[readonly string[], Record<string, string>, string, Record<string, string>]>([
  [[HOST], {}, `https://${HOST}/`, {}],
  [[HOST, "--gate", "http://127.0.0.1:8000"], {}, "http://127.0.0.1:8000/", {}],
  [["--kit-token", "t", HOST], {}, `https://${HOST}/`, { authorization: "Bearer t" }],
  [[HOST], { REALMGATE_KIT_TOKEN: "t" }, `https://${HOST}/`, { authorization: "Bearer t" }],
  [
    [HOST, "--kit-token", "t", "--kit-token-header", "X-Key"],
    {},
    `https://${HOST}/`,
    { "x-key": "t" },
  ],
  [
    [HOST, "--kit-user", "u", "--kit-password", "p:q"],
    {},
    `https://${HOST}/`,
    { authorization: "Basic dTpwOnE=" },
  ],
  [
    [HOST, "--kit-user", "u", "--kit-token-header", "X-Key"],
    { REALMGATE_KIT_PASSWORD: "p:q", REALMGATE_KIT_TOKEN: "t" },
    `https://${HOST}/`,
    { authorization: "Basic dTpwOnE=", "x-key": "t" },
  ],
  [
    [HOST],
    { HOODY_KIT_TOKEN: "theirs", HOODY_KIT_TOKEN_HEADER: "X-Key" },
    `https://${HOST}/`,
    { "x-key": "theirs" },
  ],
  [
    [HOST, "--kit-token", "flag"],
    { REALMGATE_KIT_TOKEN: "t" },
    `https://${HOST}/`,
    { authorization: "Bearer flag" },
  ],
])("%j with %j", (args, environment, gate, credentials) => {
  const parsed = parseConnect(args, environment);
  expect(parsed).toMatchObject({ ok: true, options: { host: HOST, credentials } });
  expect(parsed.ok && parsed.options.gate.href).toBe(gate);
  expect(parsed.ok && Object.keys(parsed.options.credentials)).toHaveLength(
    Object.keys(credentials).length,
  );
});

test.each([
  ["no host", []],
  ["two hosts", [HOST, HOST]],
  ["a URL", [`https://${HOST}`]],
  ["a second header", [`${HOST}\r\nx: y`]],
  ["an unknown flag", [HOST, "--insecure"]],
  ["a gate with a path", [HOST, "--gate", "https://a/b"]],
  ["a gate of another kind", [HOST, "--gate", "ftp://a"]],
  ["a gate that is no URL", [HOST, "--gate", "a:b:c"]],
  ["a user without password", [HOST, "--kit-user", "u"]],
  ["a password without user", [HOST, "--kit-password", "p"]],
  [
    "two credentials in one header",
    [HOST, "--kit-user", "u", "--kit-password", "p", "--kit-token", "t"],
  ],
  ["a bad header name", [HOST, "--kit-token", "t", "--kit-token-header", "x y"]],
  ["a token of two lines", [HOST, "--kit-token", "t\r\nx: y"]],
])("%s is refused", (_what, args) => {
  expect(parseConnect(args, {})).toMatchObject({ ok: false, problem: expect.any(String) });
});
