import { expect, test } from "bun:test";
import { parseConnect } from "./connect.ts";

const HOST = "p-c-ssh-22.local.containers.example.test";

test.each<[readonly string[], Record<string, string>, string, Record<string, string>]>([
  [[HOST], {}, `https://${HOST}/`, {}],
  [[HOST, "--gate", "http://127.0.0.1:8000"], {}, "http://127.0.0.1:8000/", {}],
  [["--token", "t", HOST], {}, `https://${HOST}/`, { authorization: "Bearer t" }],
  [[HOST], { REALMGATE_KIT_TOKEN: "t" }, `https://${HOST}/`, { authorization: "Bearer t" }],
  [[HOST, "--token", "t", "--token-header", "X-Key"], {}, `https://${HOST}/`, { "x-key": "t" }],
  [
    [HOST, "--user", "u", "--password", "p:q"],
    {},
    `https://${HOST}/`,
    { authorization: "Basic dTpwOnE=" },
  ],
  [
    [HOST, "--user", "u", "--token-header", "X-Key"],
    { REALMGATE_KIT_PASSWORD: "p:q", REALMGATE_KIT_TOKEN: "t" },
    `https://${HOST}/`,
    { authorization: "Basic dTpwOnE=", "x-key": "t" },
  ],
  [
    [HOST, "--token", "flag"],
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
  ["a user without password", [HOST, "--user", "u"]],
  ["a password without user", [HOST, "--password", "p"]],
  ["two credentials in one header", [HOST, "--user", "u", "--password", "p", "--token", "t"]],
  ["a bad header name", [HOST, "--token", "t", "--token-header", "x y"]],
  ["a token of two lines", [HOST, "--token", "t\r\nx: y"]],
])("%s is refused", (_what, args) => {
  expect(parseConnect(args, {})).toMatchObject({ ok: false, problem: expect.any(String) });
});
