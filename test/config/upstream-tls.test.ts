import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getCACertificates } from "node:tls";
import { readUpstreamTls } from "../../src/config/upstream-tls.ts";
import { certificate } from "../harness/certificate.ts";

const folder = mkdtempSync(join(tmpdir(), "realmgate-upstream-tls-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function read(text: string) {
  const problems: string[] = [];
  return { upstreamTls: readUpstreamTls(text, (problem) => problems.push(problem)), problems };
}

function file(text: string): string {
  const path = join(folder, `${Bun.hash(text)}.pem`);
  writeFileSync(path, text);
  return path;
}

const { cert, key } = certificate();

test("off is off", () => {
  expect(read("off")).toEqual({ upstreamTls: "off", problems: [] });
});

test("on is the system's authorities, and a problem where there are none", () => {
  const known = getCACertificates("system").length > 0;
  const { upstreamTls, problems } = read("on");
  expect([upstreamTls, problems.length]).toEqual(known ? ["system", 0] : ["off", 1]);
});

test("a file is all the authorities in it", () => {
  const bundle = `ours\n${cert}${cert}`;
  expect(read(file(bundle))).toEqual({ upstreamTls: { ca: bundle }, problems: [] });
});

test.each([
  ["that is not there", join(folder, "missing"), "ENOENT"],
  ["that is a folder", folder, "EISDIR"],
  ["with a key only", file(key), "has none"],
  ["with a broken certificate", file(cert.replace(/\n.{8}/, "\nAAAAAAAA")), "cannot be used"],
])("a file %s is a problem", (_why, path, expected) => {
  const { problems } = read(path);
  expect(problems).toEqual([expect.stringContaining("must be off, on, or a file")]);
  expect(problems.join()).toContain(expected);
});
