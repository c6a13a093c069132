import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { members } from "./bitset.ts";
import { PasswordVerifier, verifiedPasswordsMax } from "./password-verifier.ts";

const digest = createHash("sha256").update("saltpw").digest("hex");
const ada = { username: "ada", salt: "salt", digest, group: 1 };
const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;

function matching(verifier: PasswordVerifier, authorization: string): number[] {
  const matched = verifier.verify(authorization);
  return matched === undefined ? [] : members(matched.groups);
}

test.each([
  ["the password", basic("ada:pw"), [1]],
  ["a wrong password", basic("ada:pW"), []],
  ["an unknown user", basic("eve:pw"), []],
  ["no base64", "Basic ada:pw", []],
  ["another scheme", basic("ada:pw").replace("Basic", "Bearer"), []],
  ["nothing", "", []],
])("%s matches the same at first sight and when seen before", (_, authorization, groups) => {
  const verifier = new PasswordVerifier(2, [ada]);
  for (const _sight of [1, 2, 3]) {
    expect(matching(verifier, authorization)).toEqual(groups);
  }
});

test("what it remembers of one header says nothing about another", () => {
  const verifier = new PasswordVerifier(2, [ada]);
  expect(matching(verifier, basic("ada:pw"))).toEqual([1]);
  expect(matching(verifier, `${basic("ada:pw")} `)).toEqual([]);
  expect(matching(verifier, basic("ada:pW"))).toEqual([]);
});

test("answers rightly beyond what it can remember", () => {
  const verifier = new PasswordVerifier(2, [ada]);
  const spellings = Array.from({ length: verifiedPasswordsMax + 2 }, (_, spaces) =>
    basic("ada:pw").replace(" ", " ".repeat(spaces + 1)),
  );
  for (const spelling of [...spellings, ...spellings]) {
    expect(matching(verifier, spelling)).toEqual([1]);
  }
});
