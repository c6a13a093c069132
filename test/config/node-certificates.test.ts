// The settings by which nodes are known by certificates.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseNodeConfig, type Role } from "../../src/config/node-config.ts";
import { type Certificate, certificate, selfSigned } from "../harness/certificate.ts";

const folder = mkdtempSync(join(tmpdir(), "realmgate-node-settings-"));
const authority = certificate();
const token = `hdn_${"a".repeat(43)}`;
const of = (...uris: string[]) => certificate({ issuer: authority, uris });

const file = (name: string) => join(folder, name);
const pairAt = (name: string) => ({
  REALMGATE_NODE_CERT: file(`${name}.crt`),
  REALMGATE_NODE_KEY: file(`${name}.key`),
});

beforeAll(() => {
  const pairs: Record<string, Certificate> = {
    east: of("realmgate:node/east-1"),
    nameless: of(),
    both: of("realmgate:node/east-1", "realmgate:node/west-1"),
    feed: selfSigned(),
  };
  for (const [name, { cert, key }] of Object.entries(pairs)) {
    writeFileSync(file(`${name}.crt`), cert);
    writeFileSync(file(`${name}.key`), key);
  }
  writeFileSync(file("ca.pem"), authority.cert);
  writeFileSync(file("leaf.pem"), authority.cert + of("realmgate:node/east-1").cert);
  writeFileSync(file("none.pem"), "nothing\n");
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function problems(role: Role, settings: Record<string, string>): readonly string[] {
  const parsed = parseNodeConfig(role, settings, []);
  return parsed.ok ? [] : parsed.problems;
}

describe("a proxy", () => {
  const urls = { REALMGATE_FEED_URLS: "https://127.0.0.1:50052" };

  test("has a certificate in place of a token", () => {
    const parsed = parseNodeConfig("proxy", { ...urls, ...pairAt("east") }, []);
    if (!parsed.ok) throw new Error(parsed.problems.join());
    expect(parsed.node.nodeToken).toBeNull();
    expect(parsed.node.nodeCertificate?.paths.certPath).toBe(file("east.crt"));
  });

  const nameless =
    "REALMGATE_NODE_CERT names no node: its SAN must have one URI:realmgate:node/NAME, with the name from realmgate nodes create";
  test.each<[string, Record<string, string>, string[]]>([
    [
      "neither",
      urls,
      [
        "REALMGATE_NODE_TOKEN is required: realmgate nodes create prints one; or set REALMGATE_NODE_CERT",
      ],
    ],
    [
      "both",
      { ...urls, ...pairAt("east"), REALMGATE_NODE_TOKEN: token },
      ["REALMGATE_NODE_CERT cannot be set beside REALMGATE_NODE_TOKEN: a node has one of them"],
    ],
    ["a certificate that names no node", { ...urls, ...pairAt("nameless") }, [nameless]],
    ["a certificate that names two", { ...urls, ...pairAt("both") }, [nameless]],
    [
      "another certificate's key",
      { ...urls, ...pairAt("east"), REALMGATE_NODE_KEY: file("both.key") },
      ["REALMGATE_NODE_KEY does not belong to the first certificate"],
    ],
    [
      "a certificate without its key",
      { ...urls, REALMGATE_NODE_CERT: file("east.crt") },
      ["REALMGATE_NODE_KEY must be set, too: REALMGATE_NODE_CERT is"],
    ],
    [
      "a certificate and plain text",
      { REALMGATE_FEED_URLS: "http://127.0.0.1:50052", ...pairAt("east") },
      [
        "REALMGATE_FEED_URLS has http://127.0.0.1:50052, where no certificate can be shown: write https://",
      ],
    ],
  ])("with %s does not start", (_what, settings, said) => {
    expect(problems("proxy", settings)).toEqual(said);
  });
});

describe("a control plane", () => {
  const settings = {
    REALMGATE_DATABASE_URL: "postgres://a@b/c",
    REALMGATE_SECRET_KEY: Buffer.alloc(32, 1).toString("base64"),
    REALMGATE_FEED_TLS_CERT: file("feed.crt"),
    REALMGATE_FEED_TLS_KEY: file("feed.key"),
  };

  test("takes nodes' certificates from the authorities of a file", () => {
    const given = { ...settings, REALMGATE_NODE_CA: file("ca.pem") };
    const parsed = parseNodeConfig("control", given, []);
    if (!parsed.ok) throw new Error(parsed.problems.join());
    expect(parsed.node.nodeAuthorities).toEqual([authority.cert.trim()]);
  });

  test.each<[string, Record<string, string>, string]>([
    ["that is not there", { REALMGATE_NODE_CA: file("away.pem") }, "cannot be used (ENOENT)"],
    ["without certificates", { REALMGATE_NODE_CA: file("none.pem") }, "none.pem has none"],
    [
      "with what is no authority",
      { REALMGATE_NODE_CA: file("leaf.pem") },
      "has CN=issued, which is no authority (basicConstraints CA:TRUE)",
    ],
    [
      "and no TLS",
      {
        ...{ REALMGATE_NODE_CA: file("ca.pem") },
        ...{ REALMGATE_FEED_TLS_CERT: "", REALMGATE_FEED_TLS_KEY: "" },
      },
      "needs TLS, where certificates are shown: set REALMGATE_FEED_TLS_CERT",
    ],
  ])("with a file of authorities %s does not start", (_what, given, said) => {
    const all = problems("control", { ...settings, ...given });
    expect(all).toEqual([expect.stringContaining(said)]);
    expect(all[0]).toStartWith("REALMGATE_NODE_CA ");
  });

  test("has no key of a node", () => {
    expect(problems("control", { ...settings, ...pairAt("east") })).toEqual([
      "REALMGATE_NODE_KEY must not be set for the role control",
    ]);
  });
});
