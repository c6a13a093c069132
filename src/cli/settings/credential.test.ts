// Who calls, and where what proves it may go.
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HttpClient } from "../../client/http.ts";
import type { ConfigFile } from "./config-file.ts";
import { credentialOf } from "./credential.ts";
import { readSettings } from "./settings.ts";

const folder = mkdtempSync(join(tmpdir(), "realmgate-credential-"));
afterAll(() => rmSync(folder, { recursive: true }));

const REALM = "507f1f77bcf86cd799439011";
const api = "https://api.example";
const session = { baseUrl: api, token: "session", refreshToken: "refresh" };
const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;

/** What is sent; null: nothing. */
function sent(
  flags: Record<string, string>,
  environment: Record<string, string> = {},
  config: ConfigFile = {},
): string | null {
  const path = join(folder, "config.json");
  writeFileSync(path, JSON.stringify({ baseUrl: api, ...config }), { mode: 0o600 });
  const said = { flags: new Map(Object.entries({ config: path, ...flags })), environment };
  const read = readSettings(said);
  if (!read.ok) throw new Error(read.problems.join());
  const anonymous = () => new HttpClient({ baseUrl: api });
  return credentialOf(read.settings, anonymous)?.authorization() ?? null;
}

describe("the strongest counts", () => {
  const environment = { REALMGATE_TOKEN: "variable", HOODY_TOKEN: "hoody" };
  const config = { token: "file", session };

  test.each([
    ["a token flag", { token: "flag" }, environment, config, "Bearer flag"],
    [
      "name and password as flags",
      { username: "me", password: "pw" },
      environment,
      config,
      basic("me:pw"),
    ],
    ["our variable", {}, environment, config, "Bearer variable"],
    ["the other variable", {}, { HOODY_TOKEN: "hoody" }, config, "Bearer hoody"],
    [
      "name and password as variables",
      {},
      { HOODY_USER: "me", HOODY_PASS: "pw" },
      config,
      basic("me:pw"),
    ],
    ["a token of the file", {}, {}, config, "Bearer file"],
    ["the session", {}, {}, { session }, "Bearer session"],
    ["nothing", {}, {}, {}, null],
    [
      "the strongest name, with the strongest password",
      { username: "flag" },
      { HOODY_USER: "me", HOODY_PASS: "pw" },
      {},
      basic("flag:pw"),
    ],
    [
      "the name of the file, with a password",
      { password: "pw" },
      {},
      { username: "file" },
      basic("file:pw"),
    ],
    ["a name alone proves nothing", { username: "me" }, {}, {}, null],
  ] as const)("%s", (_name, flags, environment, config, authorization) => {
    expect(sent(flags, environment, config)).toBe(authorization);
  });
});

describe("what is kept goes to the place it was kept for", () => {
  test.each([
    ["not elsewhere", "https://evil.example", null],
    ["not to a host that begins alike", "https://api.example.evil", null],
    ["not without TLS", "http://api.example", null],
    ["not to another port", "https://api.example:8443", null],
    ["to its realms", `https://${REALM}.api.example`, "Bearer kept"],
    ["also when it is spelled in another way", "https://API.example:443/", "Bearer kept"],
  ])("%s", (_name, url, authorization) => {
    const kept = { session: { ...session, token: "kept" } };
    expect(sent({ "base-url": url }, {}, kept)).toBe(authorization);
    expect(sent({ "base-url": url }, {}, { token: "kept" })).toBe(authorization);
  });

  test("what is said here goes where it is said to go", () => {
    expect(sent({ "base-url": "https://other.example", token: "flag" })).toBe("Bearer flag");
  });

  test("what is no credential is not sent, nor repeated", () => {
    expect(() => sent({ token: "two words" })).toThrow(/^a token is printable ASCII/);
  });
});
