import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfig } from "../../src/config/config.ts";
import { certificate } from "../harness/certificate.ts";

const folder = mkdtempSync(join(tmpdir(), "realmgate-proxy-tls-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const names = ["*.local.containers.example.test", "Pretty.example.test"];
const pair = certificate({ names });
const nameless = certificate({ names: [] });
const old = certificate({ names, notAfterMs: Date.now() - 60_000 });
const LISTEN = "127.0.0.1:0";
const CERT = file("cert.pem", pair.cert);
const KEY = file("key.pem", pair.key);
const OTHER_KEY = file("other.pem", nameless.key);
const MISSING = join(folder, "missing.pem");

const settings = (listen: string, cert: string, key: string, hsts = "") => ({
  REALMGATE_PROXY_TLS_LISTEN: listen,
  REALMGATE_TLS_CERT: cert,
  REALMGATE_TLS_KEY: key,
  REALMGATE_HSTS_MAX_AGE_S: hsts,
});

test("all of them are a listener, and the certificate says whom it is for", () => {
  const parsed = parseConfig(settings(LISTEN, CERT, KEY, "300"), []);
  expect(parsed.ok && parsed.config.proxyTls).toMatchObject({
    hostname: "127.0.0.1",
    port: 0,
    pair: { ...pair, names: ["*.local.containers.example.test", "pretty.example.test"] },
    paths: { certPath: CERT, keyPath: KEY },
    hstsMaxAgeS: 300,
  });
});

test("a certificate that has ended is taken: the listener says so when it starts", () => {
  const paths = [file("old.pem", old.cert), file("old-key.pem", old.key)] as const;
  expect(parseConfig(settings(LISTEN, ...paths), []).ok).toBe(true);
});

test.each([
  ["no certificate, no key", settings(LISTEN, "", ""), ["CERT must be", "KEY must be"]],
  ["no key", settings(LISTEN, CERT, ""), ["KEY must be set, too"]],
  ["no certificate", settings(LISTEN, "", KEY), ["CERT must be set, too"]],
  ["no address", settings("", CERT, KEY), ["LISTEN must be set, too"]],
  ["an address that is none", settings("443", CERT, KEY), ["LISTEN must be ADDRESS:PORT"]],
  ["a mismatch", settings(LISTEN, CERT, OTHER_KEY), ["KEY does not belong to the first"]],
  ["files that are not there", settings(LISTEN, MISSING, MISSING), ["CERT cannot", "KEY cannot"]],
  [
    "a certificate without names",
    settings(LISTEN, file("nameless.pem", nameless.cert), OTHER_KEY),
    ["CERT names no host"],
  ],
  ["an age that is none", settings(LISTEN, CERT, KEY, "1y"), ["HSTS_MAX_AGE_S must be"]],
  [
    "several things at once",
    settings("443", MISSING, ""),
    ["LISTEN must be ADDRESS", "KEY must be set", "CERT cannot be read"],
  ],
])("%s", (_name, environment, expected) => {
  const parsed = parseConfig(environment, []);
  const problems = parsed.ok ? [] : parsed.problems;
  expect(problems).toHaveLength(expected.length);
  for (const text of expected) expect(problems.join("\n")).toContain(text);
});
