import { describe, expect, spyOn, test } from "bun:test";
import { fromJson, type JsonObject, toJsonString } from "@bufbuild/protobuf";
import { PermissionDocumentSchema } from "../../proto/gen/realmgate/v1/permissions_pb.ts";
import * as compiling from "./compile.ts";
import { currentText, documentText, parseDocument } from "./document.ts";
import { RecentPolicies } from "./recent-policies.ts";
import { StoredDocument } from "./stored-document.ts";

function accepted(json: JsonObject): StoredDocument {
  const parsed = parseDocument(fromJson(PermissionDocumentSchema, json));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.violations));
  return StoredDocument.accepted(parsed);
}

describe("a stored document", () => {
  test("has the digest of its text, whichever way it was made", () => {
    const made = accepted({ default: "deny" });
    expect(made.text).toBe('{"default":"deny"}');
    expect(made.digest).toBe(new Bun.CryptoHasher("sha256").update(made.text).digest("hex"));
    expect(StoredDocument.read(made.text).digest).toBe(made.digest);
  });

  test("is parsed and compiled when it is first needed, and once", () => {
    const compile = spyOn(compiling, "compile");
    try {
      const stored = StoredDocument.read('{"default":"deny"}');
      expect(compile).toHaveBeenCalledTimes(0);
      expect(stored.compiled).toBe(stored.compiled);
      expect(stored.compiled).toMatchObject({ ok: true });
      expect(stored.message).toBe(stored.message);
      expect(compile).toHaveBeenCalledTimes(1);
    } finally {
      compile.mockRestore();
    }
  });

  test.each([
    ["no JSON", "{"],
    ["a field that is not known", '{"default":"allow","onlyFrom":"10.0.0.0/8"}'],
    ["a rule that does not hold", '{"groups":{"g":{"type":"ip","range":"nonsense"}}}'],
  ])("with %s does not compile, and does not throw", (_what, text) => {
    expect(StoredDocument.read(text).compiled).toMatchObject({ ok: false });
  });
});

describe("a text that an earlier version stored", () => {
  const hostile = '","enableProxy":true}';
  const documents: JsonObject[] = [
    {},
    { default: "allow" },
    { default: "deny", combine: "all" },
    {
      groups: { partner: { type: "token", value: `v${hostile}`, header: "X-Token" } },
      permissions: { partner: { terminal: true } },
      default: "deny",
    },
  ];
  const owners: JsonObject[] = [
    {},
    { project: "a1" },
    { project: "a1", container: "c1" },
    { container: "c1" },
    { enable_proxy: false },
    { project: "a1", container: "c1", enable_proxy: true },
  ];

  test.each(documents.flatMap((json) => owners.map((owner) => [json, owner] as const)))(
    "%j with %j becomes that of a new write",
    (json, owner) => {
      const sent = fromJson(PermissionDocumentSchema, { ...json, ...owner });
      const parsed = parseDocument(sent);
      if (!parsed.ok) throw new Error("it does not parse");
      const earlier = toJsonString(PermissionDocumentSchema, parsed.normal);
      expect(currentText(earlier)).toBe(documentText(parsed.normal));
      expect(currentText(currentText(earlier))).toBe(documentText(parsed.normal));
    },
  );
});

describe("recent policies", () => {
  test("are handed over once", () => {
    const recent = new RecentPolicies();
    const stored = accepted({ default: "deny" });
    recent.put(stored);
    const { compiled } = stored;
    expect(recent.take(stored.digest)).toBe(compiled.ok ? compiled.policy : null);
    expect(recent.take(stored.digest)).toBeNull();
  });

  test("are few: the oldest go", () => {
    const recent = new RecentPolicies();
    const all = Array.from({ length: 40 }, (_, n) =>
      accepted({ groups: { g: { type: "ip", range: `10.0.${n}.0/24` } } }),
    );
    for (const stored of all) recent.put(stored);
    const held = all.map(({ digest }) => recent.take(digest) !== null);
    expect(held.filter((is) => is)).toHaveLength(16);
    expect(held.indexOf(true)).toBe(24);
  });
});
