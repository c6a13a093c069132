import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { SecretBox } from "../store/sealed.ts";
import { type CursorState, type ListKey, listCursors } from "./list-cursor.ts";

const master = randomBytes(32);
const cursors = listCursors(new SecretBox(master, "cursors"));
const list: ListKey = ["ListAliases", "a".repeat(24), null, true];
const state: CursorState = {
  sortBy: "created_at",
  sortOrder: "desc",
  page: 2,
  after: { value: "2026-01-01T00:00:00.000Z", sequence: 7 },
};
const at = (after: Partial<CursorState["after"]>) => ({
  ...state,
  after: { ...state.after, ...after },
});

describe("a cursor", () => {
  test.each([
    ["a time", state],
    ["null, which is not a text", at({ value: null })],
    ["a number", at({ value: 3 })],
    ["any text", at({ value: '","\\ é \u0000' })],
    ["the greatest sequence", at({ sequence: Number.MAX_SAFE_INTEGER })],
  ])("keeps its place: %s", (_, place) => {
    expect(cursors.open(list, cursors.seal(list, place))).toEqual(place);
  });

  test("reveals nothing of others: same length whatever the sequence, different each time", () => {
    const made = [0, 9, 10, 2 ** 31, Number.MAX_SAFE_INTEGER].flatMap((sequence) => [
      cursors.seal(list, at({ sequence })),
      cursors.seal(list, at({ sequence })),
    ]);
    expect(new Set(made.map((cursor) => cursor.length)).size).toBe(1);
    expect(new Set(made).size).toBe(made.length);
  });

  test("needs no encoding in a query", () => {
    expect(cursors.seal(list, state)).toMatch(/^[A-Za-z0-9_-]+$/);
  });

  const sealed = cursors.seal(list, state);
  test.each([
    ["", "empty"],
    ["7", "a bare number"],
    ["not a cursor", "text"],
    [`${sealed.slice(0, -4)}AAAA`, "a changed end"],
    [sealed.slice(0, -4), "cut short"],
    [listCursors(new SecretBox(randomBytes(32), "cursors")).seal(list, state), "another key"],
    [listCursors(new SecretBox(master, "revisions")).seal(list, state), "another purpose"],
    [cursors.seal(["ListTokens", "a".repeat(24), null, true], state), "another method"],
    [cursors.seal(["ListAliases", "b".repeat(24), null, true], state), "another user"],
    [cursors.seal(["ListAliases", "a".repeat(24), true, null], state), "other filters"],
  ])("%j is not accepted: %s", (cursor) => {
    expect(cursors.open(list, cursor)).toBeNull();
  });
});
