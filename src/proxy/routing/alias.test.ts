import { describe, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { AliasStateSchema } from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import { type Alias, aliasedTarget, aliasOf } from "./alias.ts";

function alias(targetPath: string | null, allowPathOverride = true): Alias {
  const base = { alias: "demo", program: "http", instance: 3000, enabled: true, allowPathOverride };
  const state = create(AliasStateSchema, targetPath === null ? base : { ...base, targetPath });
  const made = aliasOf(state, "a".repeat(24), "c".repeat(24));
  if (made === null) throw new Error("the alias is off");
  return made;
}

describe("an alias with paths of its own puts its target before them", () => {
  test.each([
    [null, "/", "/"],
    [null, "/a?b=1", "/a?b=1"],
    ["/docs", "/", "/docs"],
    ["/docs/", "/", "/docs/"],
    ["/docs", "/a", "/docs/a"],
    ["/docs/", "/a/", "/docs/a/"],
    ["/docs", "/docs", "/docs/docs"],
    ["/index.php?debug=1", "/", "/index.php?debug=1"],
    ["/index.php?debug=1", "/?x=2", "/index.php?debug=1&x=2"],
    ["/app?k=1", "/a?k=2", "/app/a?k=1&k=2"],
    ["/", "/a", "/a"],
  ])("%j, asked for %j: %j", (target, asked, forwarded) => {
    expect(aliasedTarget(alias(target), asked)).toBe(forwarded);
  });
});

describe("an alias with a target does not lead beside it", () => {
  test.each([
    "/..",
    "/../x",
    "/a/../../x",
    "/%2e%2e/x",
    "/..%2fx",
    "/..%5cx",
    "/..;/x",
    "/%252e%252e/x",
  ])("by %s", (asked) => {
    expect(aliasedTarget(alias("/docs"), asked)).toBeNull();
    expect(aliasedTarget(alias("/docs/?a=1"), `${asked}?b=2`)).toBeNull();
    expect(aliasedTarget(alias(null), asked)).toBe(asked);
    expect(aliasedTarget(alias("/"), asked)).toBe(asked);
  });

  test.each(["/?x=/../y", "/...", "/a..b", "/.well-known/x", "/100%25"])(
    "%s is below it",
    (asked) => {
      expect(aliasedTarget(alias("/docs"), asked)).toStartWith("/docs");
    },
  );
});

describe("an alias without leads to its target only, with any query", () => {
  test.each([
    ["/docs", "/", "/docs"],
    ["/docs", "/?q=1", "/docs?q=1"],
    ["/docs", "/docs", "/docs"],
    ["/docs?a=1", "/docs?b=2", "/docs?a=1&b=2"],
    ["/docs", "/docs/", null],
    ["/docs", "/docs/a", null],
    ["/docs", "/doc", null],
    ["/docs", "/DOCS", null],
    [null, "/", "/"],
    [null, "/?q=1", "/?q=1"],
    [null, "/a", null],
  ])("%j, asked for %j: %j", (target, asked, forwarded) => {
    expect(aliasedTarget(alias(target, false), asked)).toBe(forwarded);
  });
});

test("an alias that is switched off leads nowhere", () => {
  const state = create(AliasStateSchema, { alias: "demo", program: "terminal", instance: 1 });
  expect(aliasOf(state, "a".repeat(24), "c".repeat(24))).toBeNull();
});
