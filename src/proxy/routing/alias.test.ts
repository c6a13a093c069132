import { describe, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { AliasStateSchema } from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import { type Alias, aliasedTarget, aliasOf, fixesQuery } from "./alias.ts";

function alias(targetPath: string | null, allowPathOverride = true): Alias {
  const base = { alias: "demo", program: "http", instance: 3000, enabled: true, allowPathOverride };
  const state = create(AliasStateSchema, targetPath === null ? base : { ...base, targetPath });
  const made = aliasOf(state, "a".repeat(24), "c".repeat(24));
  if (made === null) throw new Error("the alias is off");
  return made;
}

const leads = (to: Alias, asked: string) => aliasedTarget(to, asked, asked);

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
    expect(leads(alias(target), asked)).toBe(forwarded);
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
    expect(leads(alias("/docs"), asked)).toBeNull();
    expect(leads(alias("/docs/?a=1"), `${asked}?b=2`)).toBeNull();
    expect(leads(alias(null), asked)).toBe(asked);
    expect(leads(alias("/"), asked)).toBe(asked);
  });

  test.each(["/?x=/../y", "/...", "/a..b", "/.well-known/x", "/100%25"])(
    "%s is below it",
    (asked) => {
      expect(leads(alias("/docs"), asked)).toStartWith("/docs");
    },
  );
});

describe("an alias without leads to its target only, with any query if the target has none", () => {
  test.each([
    ["/docs", "/", "/docs"],
    ["/docs", "/?q=1", "/docs?q=1"],
    ["/docs", "/docs", "/docs"],
    ["/docs", "/docs/", null],
    ["/docs", "/docs/a", null],
    ["/docs", "/doc", null],
    ["/docs", "/DOCS", null],
    [null, "/", "/"],
    [null, "/?q=1", "/?q=1"],
    [null, "/a", null],
  ])("%j, asked for %j: %j", (target, asked, forwarded) => {
    expect(leads(alias(target, false), asked)).toBe(forwarded);
  });
});

describe("an alias without paths whose target has a query takes no other", () => {
  const link = "/proxy?url=https%3A%2F%2Fx%2F&auth=Bearer%20s";

  test.each([
    "/?method=DELETE",
    "/?header=X-Admin:%201",
    "/?data=x",
    "/?response=json",
    "/?response=transparent",
    "/proxy?method=DELETE",
    "/?",
    "/?&",
    "/?a",
    "/?=",
    "/?%6dethod=DELETE",
    "/%3fmethod=DELETE",
    "/;method=DELETE",
    "/proxy;method=DELETE",
    "/proxy%3Fmethod=DELETE",
    "/proxy/?method=DELETE",
    "/#?method=DELETE",
  ])("%s", (asked) => {
    const expected = asked === "/?" ? link : null;
    expect(leads(alias(link, false), asked)).toBe(expected);
    expect(leads(alias("/app?tenant=7", false), asked)).toBe(
      asked === "/?" ? "/app?tenant=7" : null,
    );
  });

  test("but a credential that is consumed", () => {
    expect(aliasedTarget(alias("/app?tenant=7", false), "/?token=t", "/")).toBe(
      "/app?tenant=7&token=t",
    );
  });

  test.each([
    [link, false, true],
    [link, true, false],
    ["/proxy", false, false],
    ["/proxy?", false, false],
    [null, false, false],
  ])("%j, taking paths %p: %p", (target, takesPaths, expected) => {
    expect(fixesQuery(alias(target, takesPaths))).toBe(expected);
  });
});

test("an alias that is switched off leads nowhere", () => {
  const state = create(AliasStateSchema, { alias: "demo", program: "terminal", instance: 1 });
  expect(aliasOf(state, "a".repeat(24), "c".repeat(24))).toBeNull();
});
