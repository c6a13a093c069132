import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { SecretBox } from "../store/sealed.ts";
import { revisionTokens } from "./revision.ts";

const master = randomBytes(32);
const tokens = revisionTokens(new SecretBox(master, "revisions"));

const lineage = "0123456789abcdef";
const seal = (revision: number, from = tokens) => from.seal({ revision, lineage });

describe("a revision token", () => {
  test.each([0, 1, 255, 256, 2 ** 32, Number.MAX_SAFE_INTEGER])(
    "keeps revision %d and its lineage",
    (revision) => {
      expect(tokens.open(seal(revision))).toEqual({ revision, lineage });
    },
  );

  test("reveals nothing: same length, different each time", () => {
    const made = Array.from({ length: 100 }, (_, revision) => seal(revision));
    expect(new Set(made.map((token) => token.length)).size).toBe(1);
    expect(new Set([...made, ...made.map((_, revision) => seal(revision))]).size).toBe(200);
  });

  test("needs no encoding in a header or a query", () => {
    expect(seal(7)).toMatch(/^[A-Za-z0-9_-]+$/);
  });

  test.each([
    ["", "empty"],
    ["7", "a bare number"],
    ["not a token", "text"],
    ["A".repeat(48), "right length, wrong bytes"],
    [`${seal(7).slice(0, -4)}AAAA`, "a changed end"],
    [seal(7, revisionTokens(new SecretBox(randomBytes(32), "revisions"))), "another installation"],
    [seal(7, revisionTokens(new SecretBox(master, "documents"))), "another purpose"],
  ])("%j is not accepted: %s", (token) => {
    expect(tokens.open(token)).toBeNull();
  });
});
