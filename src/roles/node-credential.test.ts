import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Certificate, certificate } from "../../test/harness/certificate.ts";
import { PairFiles } from "../../test/harness/tls-bench.ts";
import { readKeyPair } from "../proxy/edge/tls/key-pair.ts";
import { NodeCredential } from "./node-credential.ts";

const authority = certificate();
const of = (name: string) =>
  certificate({ issuer: authority, names: [], uris: [`realmgate:node/${name}`] });

let files: PairFiles;
let errors: string[];
let renewals: number;

beforeEach(() => {
  files = new PairFiles();
  errors = [];
  renewals = 0;
});

afterEach(() => rmSync(files.folder, { recursive: true, force: true }));

function open(first: Certificate) {
  files.write(first);
  const read = readKeyPair(files);
  if (!read.ok) throw new Error("no pair");
  const nodeCertificate = { pair: read.pair, paths: files };
  const credential = new NodeCredential({ nodeToken: null, nodeCertificate, controlCa: null });
  const log = {
    error: (fields: object) => void errors.push(String(Reflect.get(fields, "problem"))),
    warn() {},
    info() {},
  };
  const watch = credential.watch(nodeCertificate, () => renewals++, log);
  if (watch === null) throw new Error("it is not watched");
  return { credential, watch };
}

test("a renewed certificate is shown, has another secret, and the same owner", async () => {
  const { credential, watch } = open(of("east-1"));
  const { secret, owner } = credential;
  const next = of("east-1");
  files.write(next);
  await watch.check();
  watch.stop();
  expect([credential.pair?.cert, renewals, errors]).toEqual([next.cert, 1, []]);
  expect(credential.secret).not.toBe(secret);
  expect(credential.owner).toBe(owner);
});

test("a certificate that was renewed with its key has the same secret", async () => {
  const first = of("east-1");
  const { credential, watch } = open(first);
  const { secret } = credential;
  // The same key, written in another way.
  files.write({ cert: first.cert, key: `# renewed\n${first.key}` });
  await watch.check();
  watch.stop();
  expect([credential.secret === secret, renewals]).toEqual([true, 1]);
});

test.each([
  ["of another node", () => of("west-1"), "cert names node west-1, and this process is of east-1"],
  ["of no node", () => certificate({ issuer: authority }), "cert names no node"],
  [
    "that has ended",
    () =>
      certificate({
        ...{ issuer: authority, uris: ["realmgate:node/east-1"] },
        ...{ notBeforeMs: 0, notAfterMs: Date.now() - 60_000 },
      }),
    "cert is valid no more, and the present one is",
  ],
])("a certificate %s is refused, and the present one stays", async (_what, other, said) => {
  const first = of("east-1");
  const { credential, watch } = open(first);
  files.write(other());
  await watch.check();
  watch.stop();
  expect(errors).toEqual([expect.stringContaining(said)]);
  expect([credential.pair?.cert, renewals]).toEqual([first.cert, 0]);
});

test("a token is its own secret, and there is nothing to watch", () => {
  const token = `hdn_${"a".repeat(43)}`;
  const given = { nodeToken: token, nodeCertificate: null, controlCa: null };
  const credential = new NodeCredential(given);
  expect([credential.secret, credential.owner, credential.pair]).toEqual([token, token, null]);
  expect(credential.watch(null, () => {}, { error() {}, warn() {}, info() {} })).toBeNull();
});

test("authorities are those of the file when it changes; what holds none is refused once, and they stay", () => {
  const [first, second] = [certificate(), certificate()];
  const path = join(files.folder, "ca.pem");
  writeFileSync(path, first.cert);
  const controlCa = readFileSync(path);
  const credential = new NodeCredential({ nodeToken: "t", nodeCertificate: null, controlCa });
  const log = {
    error: (fields: object) => void errors.push(String(Reflect.get(fields, "problem"))),
    warn() {},
    info() {},
  };
  const watch = credential.watchAuthorities(path, () => renewals++, log);
  watch?.check();
  expect([credential.ca?.toString(), renewals]).toEqual([first.cert, 0]);
  const both = `${second.cert}\n${first.cert}`;
  writeFileSync(path, both);
  watch?.check();
  expect([credential.ca?.toString(), renewals]).toEqual([both, 1]);
  for (const broken of ["", "no certificate", second.cert.replace(/\n[A-Za-z0-9+/]{20}/, "\n")]) {
    writeFileSync(path, broken);
    watch?.check();
  }
  rmSync(path);
  watch?.check();
  watch?.check();
  watch?.stop();
  expect([credential.ca?.toString(), renewals]).toEqual([both, 1]);
  expect(errors).toEqual(["it holds no certificates in PEM", "it cannot be read (ENOENT)"]);
  expect(credential.watchAuthorities("", () => {}, log)).toBeNull();
});
