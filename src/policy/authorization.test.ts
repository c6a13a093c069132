import { describe, expect, test } from "bun:test";
import { bearerToken, isBasic, parseBasic } from "./authorization.ts";

const base64 = (text: string, encoding: BufferEncoding = "utf8") =>
  Buffer.from(text, encoding).toString("base64");

describe("bearerToken", () => {
  test.each([
    ["Bearer abc", "abc", "as written"],
    ["bearer abc", "abc", "any case"],
    ["BEARER   abc", "abc", "several spaces"],
    ["Bearer abc,", "abc,", "a trailing comma belongs to the token, which then matches nothing"],
    ["Bearer", null, "no token"],
    ["Bearerabc", null, "no space"],
    ["Bearer\tabc", null, "tab"],
    [" Bearer abc", null, "space before"],
    ["Basic abc", null, "another scheme"],
    ["abc", null, "no scheme"],
  ])("of %j is %j: %s", (header, token) => {
    expect(bearerToken(header)).toBe(token);
  });
});

describe("parseBasic", () => {
  test.each([
    [`Basic ${base64("ada:pw")}`, "ada", "pw", "as written"],
    [`bASIC  ${base64("ada:pw")}`, "ada", "pw", "any case, several spaces"],
    [`Basic ${base64("ada:p:w")}`, "ada", "p:w", "split at the first colon"],
    [`Basic ${base64("ünal:pässwörd")}`, "ünal", "pässwörd", "UTF-8"],
    [`Basic ${base64(":pw")}`, "", "pw", "empty user, whom no group names"],
    [`Basic ${base64("ada:")}`, "ada", "", "empty password"],
    [`Basic ${base64("ada:\ufeff")}`, "ada", "\ufeff", "a byte order mark is part of the text"],
  ])("of %j is %j and %j: %s", (header, username, password) => {
    expect(parseBasic(header)).toEqual({ username, password });
  });

  test.each([
    [`Basic ${base64("ada:pw1").replace(/=+$/, "")}`, "padding left out"],
    [`Basic ${base64("ada:pw1")}====`, "padding too long"],
    [`Basic ${base64("ada:pw")} `, "space after"],
    [`Basic ${base64("ada:pw").slice(0, 4)} ${base64("ada:pw").slice(4)}`, "space inside"],
    [`Basic ${base64("ada:pw").slice(0, 4)}\n${base64("ada:pw").slice(4)}`, "line end inside"],
    ["Basic YTpi Yzpk", "two of them"],
    ["Basic YTp=", "unused bits set"],
    ["Basic YTo_", "url-safe alphabet"],
    ["Basic YTo-", "url-safe alphabet"],
    [`Basic ${base64("ada")}`, "no colon"],
    [`Basic ${base64("ünal:pw", "latin1")}`, "Latin-1"],
    [`Basic ${base64("ada:p\0w")}`, "NUL"],
    [`Basic ${base64("ada:pw\n")}`, "control character"],
    [`Basic ${base64("ada:\x7f")}`, "control character"],
    ["Basic ", "nothing"],
    ["Basic", "nothing, no space"],
    [`Basic\t${base64("ada:pw")}`, "tab"],
    [`Bearer ${base64("ada:pw")}`, "another scheme"],
    ["", "empty"],
  ])("of %j is null: %s", (header) => {
    expect(parseBasic(header)).toBeNull();
  });
});

test.each([
  ["Basic x", true],
  ["basic  ", true],
  ["Basicx", false],
  ["Bearer x", false],
  ["", false],
])("isBasic(%j) is %p", (header, basic) => {
  expect(isBasic(header)).toBe(basic);
});
