// What a person is told to do next.
import { expect, test } from "bun:test";
import { ApiError } from "../../client/errors.ts";
import type { StoredSession } from "../settings/config-file.ts";
import type { Settings } from "../settings/settings.ts";
import { failureLines } from "./failure.ts";

const session: StoredSession = {
  ...{ baseUrl: "https://api.example", token: "eyJ.kept.x", refreshToken: "refresh" },
};
const authToken = `hdy_${"x".repeat(43)}`;
const current = "realmgate auth get-current shows what this token may do";
const me = "realmgate users me shows who you are";

type Given = Partial<Record<"token" | "username" | "password", string>>;

function settings(given: Given): Settings {
  const identity = { token: undefined, username: undefined, password: undefined, ...given };
  return {
    ...{ baseUrl: new URL("https://api.example"), profile: { session } },
    identities: [{ from: "flag", ...identity }],
  } as unknown as Settings;
}

test.each<[string, Given, string]>([
  ["an auth token", { token: authToken }, current],
  ["an auth token as a file leaves it", { token: `${authToken}\n` }, current],
  ["a stored session", {}, me],
  ["the token of a session", { token: "eyJ.given.x" }, me],
  ["a name and a password", { username: "bob", password: "a password" }, me],
])("who may not do something with %s is led to what answers that", (_name, given, next) => {
  const failure = new ApiError({
    ...{ statusCode: 403, code: "INSUFFICIENT_PERMISSIONS", method: "PATCH", path: "/x" },
    message: "Insufficient permissions: this needs the level edit",
  });
  expect(failureLines(failure, settings(given))).toEqual([
    `403 Insufficient permissions: this needs the level edit: ${next}`,
  ]);
});
