import { describe, expect, test } from "bun:test";
import { KeyRing } from "./key-ring.ts";
import { SecretBox } from "./sealed.ts";

const [one, two, three] = [1, 2, 3].map((byte) => Buffer.alloc(32, byte)) as [
  Buffer,
  Buffer,
  Buffer,
];
const plain = Buffer.from("secret of a tenant");

describe("values of the database", () => {
  test("are sealed with the first key, and open with any", () => {
    const sealed = new KeyRing([one]).valueBox().seal(plain, "a");
    expect(new KeyRing([two, one]).valueBox().open(sealed, "a")).toEqual(plain);
    expect(new KeyRing([two]).valueBox().open(sealed, "a")).toBeNull();
  });

  test("name their key, and open with no other and in no other context", () => {
    const box = new KeyRing([one]).valueBox();
    const sealed = box.seal(plain, "a");
    const [id] = box.keyIds;
    expect(sealed.toString("hex", 4, 12)).toBe(id ?? "");
    expect(sealed.includes(one)).toBeFalse();
    const renamed = Buffer.from(sealed);
    new KeyRing([two]).valueBox().seal(plain, "a").copy(renamed, 0, 0, 12);
    expect(new KeyRing([one, two]).valueBox().open(renamed, "a")).toBeNull();
    expect(box.open(sealed, "b")).toBeNull();
  });

  test("of earlier versions, which name no key, open with the key that sealed them", () => {
    const sealed = new SecretBox(one, "documents").seal(plain, "a");
    const box = new KeyRing([two, one]).valueBox();
    expect([box.open(sealed, "a"), box.isCurrent(sealed, "a")]).toEqual([plain, false]);
  });

  test("are current when the first key sealed them, which changes with the ring", () => {
    const ring = new KeyRing([one]);
    const box = ring.valueBox();
    const before = box.seal(plain, "a");
    expect(box.isCurrent(before, "a")).toBeTrue();
    ring.replace([two, one]);
    expect([box.isCurrent(before, "a"), box.open(before, "a")]).toEqual([false, plain]);
    expect(box.isCurrent(box.seal(plain, "a"), "a")).toBeTrue();
    ring.replace([two]);
    expect(box.open(before, "a")).toBeNull();
  });

  test("can be sealed as a given one was, also as an earlier version did it", () => {
    const box = new KeyRing([one, two]).valueBox();
    const given = new KeyRing([two]).valueBox().seal(plain, "a");
    expect(box.sealAs(given, "a")).toBeTrue();
    expect(new KeyRing([two]).valueBox().open(box.seal(plain, "b"), "b")).toEqual(plain);
    const earlier = new SecretBox(one, "documents").seal(plain, "a");
    expect(box.sealAs(earlier, "a")).toBeTrue();
    const sealed = box.seal(plain, "b");
    expect(new SecretBox(one, "documents").open(sealed, "b")).toEqual(plain);
    expect([box.isCurrent(sealed, "b"), box.isCurrent(given, "a")]).toEqual([true, false]);
    const foreign = new KeyRing([three]).valueBox().seal(plain, "a");
    expect(box.sealAs(foreign, "a")).toBeFalse();
  });
});

test("what lives as long as a session is sealed with the first key and opens with any", () => {
  const ring = new KeyRing([one]);
  const box = ring.box("cursors");
  const before = box.seal(plain, "a");
  ring.replace([two, one]);
  expect(box.open(before, "a")).toEqual(plain);
  expect(new SecretBox(two, "cursors").open(box.seal(plain, "a"), "a")).toEqual(plain);
  ring.replace([two]);
  expect(box.open(before, "a")).toBeNull();
});

test.each([
  [[], "no secret key"],
  [[Buffer.alloc(31)], "32 bytes"],
])("a ring of %j is refused, and so it stays what it was", (masters, problem) => {
  const ring = new KeyRing([one]);
  expect(() => new KeyRing(masters)).toThrow(problem);
  expect(() => ring.replace(masters)).toThrow(problem);
  expect(ring.masters).toEqual([one]);
});
