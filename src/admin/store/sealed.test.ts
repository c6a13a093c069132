import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { deriveKey, SecretBox } from "./sealed.ts";

const master = randomBytes(32);
const box = new SecretBox(master, "documents");
const plain = Buffer.from("secret of a tenant");

describe("a sealed value", () => {
  test.each([
    ["text", plain],
    ["nothing", Buffer.alloc(0)],
    ["any byte", Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))],
  ])("of %s opens in its context", (_, bytes) => {
    expect(box.open(box.seal(bytes, "a"), "a")).toEqual(bytes);
  });

  test("opens in a box made anew from the same key and purpose", () => {
    expect(new SecretBox(master, "documents").open(box.seal(plain, "a"), "a")).toEqual(plain);
  });

  test("holds nothing of the plain text and differs each time", () => {
    const one = box.seal(plain, "a");
    expect(one.includes(plain)).toBeFalse();
    expect(one.equals(box.seal(plain, "a"))).toBeFalse();
  });

  test.each([
    ["another context", box, "b"],
    ["no context", box, ""],
    ["another purpose", new SecretBox(master, "revisions"), "a"],
    ["another key", new SecretBox(randomBytes(32), "documents"), "a"],
  ])("does not open with %s", (_, other, context) => {
    expect(other.open(box.seal(plain, "a"), context)).toBeNull();
  });

  test("does not open when any one byte was changed", () => {
    const sealed = box.seal(plain, "a");
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect({ at, opened: box.open(changed, "a") }).toEqual({ at, opened: null });
    }
  });

  test("does not open when it was cut, at whatever length", () => {
    const sealed = box.seal(plain, "a");
    for (let length = 0; length < sealed.length; length++) {
      expect(box.open(sealed.subarray(0, length), "a")).toBeNull();
    }
  });
});

test.each([0, 16, 31, 33, 64])("a key of %d bytes is refused", (length) => {
  expect(() => new SecretBox(Buffer.alloc(length), "documents")).toThrow("32 bytes");
});

test("each purpose has a key of its own, the same each time", () => {
  expect(deriveKey(master, "sessions")).toHaveLength(32);
  expect(deriveKey(master, "sessions")).toEqual(deriveKey(master, "sessions"));
  expect(deriveKey(master, "sessions").equals(deriveKey(master, "documents"))).toBeFalse();
  expect(deriveKey(master, "sessions").equals(master)).toBeFalse();
});
