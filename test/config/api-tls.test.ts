import { afterAll, describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readApiTls } from "../../src/config/api-tls.ts";
import type { KeyPairFiles } from "../../src/config/key-pair.ts";
import { selfSigned } from "../harness/certificate.ts";

const folder = mkdtempSync(join(tmpdir(), "realmgate-api-tls-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const { cert, key } = selfSigned();
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const pkcs8 = { type: "pkcs8", format: "pem" } as const;

let files = 0;
/** A file with this text. */
function file(text: string): string {
  const path = join(folder, `${++files}.pem`);
  writeFileSync(path, text);
  return path;
}

interface Read {
  readonly tls: KeyPairFiles | null;
  readonly problems: readonly string[];
}

function read(certPath: string, keyPath: string): Read {
  const problems: string[] = [];
  const tls = readApiTls(certPath, keyPath, (setting, problem) => {
    problems.push(`${setting} ${problem}`);
  });
  return { tls, problems };
}

test("neither is no TLS, and no problem", () => {
  expect(read("", "")).toEqual({ tls: null, problems: [] });
});

test("both that belong together are read", () => {
  const [certPath, keyPath] = [file(cert), file(key)];
  const { tls, problems } = read(certPath, keyPath);
  expect(problems).toEqual([]);
  expect(tls?.pair).toMatchObject({ cert, key });
  expect(tls?.paths).toEqual({ certPath, keyPath });
});

test("a chain counts by its first certificate; text around is of no matter", () => {
  const chain = `our own\n${cert}${cert}`;
  expect(read(file(chain), file(key)).tls?.pair).toMatchObject({ cert: chain, key });
});

describe("a problem is named by its setting", () => {
  const other = privateKey.export(pkcs8).toString();
  const sealed = privateKey
    .export({ ...pkcs8, cipher: "aes-256-cbc", passphrase: "secret" })
    .toString();
  const missing = join(folder, "missing.pem");

  test.each([
    ["a certificate alone", file(cert), "", "REALMGATE_API_TLS_KEY must be set, too"],
    ["a key alone", "", file(key), "REALMGATE_API_TLS_CERT must be set, too"],
    [
      "a certificate that is not there",
      missing,
      file(key),
      `REALMGATE_API_TLS_CERT cannot be read: ${missing} (ENOENT)`,
    ],
    [
      "a key that is not there",
      file(cert),
      missing,
      `REALMGATE_API_TLS_KEY cannot be read: ${missing} (ENOENT)`,
    ],
    ["a folder", folder, file(key), `REALMGATE_API_TLS_CERT cannot be read: ${folder} (EISDIR)`],
    ["an empty file", file(""), file(key), "REALMGATE_API_TLS_CERT must be a file of certificates"],
    [
      "them mixed up",
      file(key),
      file(key),
      "REALMGATE_API_TLS_CERT must be a file of certificates",
    ],
    [
      "a chain with one that is none",
      file(`${cert}${cert.replace(/\n.{8}/, "\nAAAAAAAA")}`),
      file(key),
      "REALMGATE_API_TLS_CERT must be a file of certificates",
    ],
    ["no key", file(cert), file(cert), "REALMGATE_API_TLS_KEY must be a file with a private key"],
    [
      "a sealed key",
      file(cert),
      file(sealed),
      "REALMGATE_API_TLS_KEY must be a file with a private",
    ],
    ["another key", file(cert), file(other), "REALMGATE_API_TLS_KEY does not belong to the first"],
  ])("%s", (_why, certPath, keyPath, problem) => {
    const { tls, problems } = read(certPath, keyPath);
    expect(tls).toBeNull();
    expect(problems).toEqual([expect.stringContaining(problem)]);
  });

  test("both at once, and no key is ever shown", () => {
    const { problems } = read(missing, file(`${key.slice(0, 60)}…`));
    expect(problems).toHaveLength(2);
    expect(problems.join()).not.toContain(key.slice(30, 60));
  });
});
