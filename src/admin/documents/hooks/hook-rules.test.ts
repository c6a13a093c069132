import { describe, expect, test } from "bun:test";
import { create, fromJson, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import {
  CreateHookRequestSchema,
  HookMatchSchema,
  HookSchema,
} from "../../../../proto/gen/realmgate/v1/hooks_pb.ts";
import { normalHook } from "./hook-rules.ts";

const groups = new Set(["office", "ops"]);
const script = { path: "/a.ts" };

function read(json: JsonObject): { hook: JsonValue; faults: string[] } {
  const faults: string[] = [];
  const request = fromJson(CreateHookRequestSchema, { match: {}, script, ...json });
  const hook = normalHook(request, groups, "/at", (at) => faults.push(at));
  return { hook: toJson(HookSchema, hook, { useProtoFieldName: true }), faults };
}

const matching = (match: JsonObject) => read({ match });

describe("a hook in its normal form", () => {
  test("has its defaults written out", () => {
    const { hook, faults } = read({});
    expect(hook).toEqual({ match: {}, script, timeout: 500, on_error: "closed" });
    expect(faults).toEqual([]);
  });

  test("keeps what was said", () => {
    const said = {
      match: { path: "/v1/*/x*" },
      script: { path: "/dir/a_b-c.ts", subdomain: "default", execId: "e1" },
      timeout: 30000,
      applies_to: { groups: ["ops", "office"] },
      on_error: "open",
    };
    expect(read(said)).toEqual({ hook: said, faults: [] });
  });

  test.each([
    ["*", "*"],
    ["get", "GET"],
    ["Options", "OPTIONS"],
    [["post"], ["POST"]],
    [
      ["delete", "PUT", "pAtCh"],
      ["DELETE", "PUT", "PATCH"],
    ],
    [
      ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"],
      ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"],
    ],
  ])("has method %j as %j", (method, normal) => {
    const { hook, faults } = matching({ method });
    expect([hook, faults]).toMatchObject([{ match: { method: normal } }, []]);
  });

  test("has header names in lower case, sorted, and their values as they are", () => {
    const headers = { "X-B": "Two Words", Accept: "", ["__proto__"]: "p" };
    const { hook, faults } = matching({ headers });
    expect(faults).toEqual([]);
    const stored = Object.entries((hook as { match: { headers: object } }).match.headers);
    expect(stored).toEqual([
      ["__proto__", "p"],
      ["accept", ""],
      ["x-b", "Two Words"],
    ]);
  });
});

describe("what is wrong with a hook", () => {
  test.each([
    ["", "no method"],
    ["TRACE", "not one of the seven"],
    ["GET POST", "two in one"],
    ["PO\u017fT", "a letter that only looks like one of POST's"],
    [[], "nobody"],
    [["*"], "* is no member of a list"],
    [["GET", 1], "no text"],
    [["GET", null], "no text"],
    [["GET", "get"], "twice"],
    [["GET", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"], "eight"],
    [true, "no text"],
    [7, "no text"],
    [null, "nothing is to be left out, not null"],
    [{ GET: true }, "no list"],
  ])("method %j: %s", (method, _why) => {
    expect(matching({ method }).faults).toEqual(["/at/match/method"]);
  });

  test("a method that is nothing at all, as only gRPC can say it", () => {
    const faults: string[] = [];
    const match = create(HookMatchSchema, { method: create(ValueSchema) });
    normalHook({ match }, groups, "", (at) => faults.push(at));
    expect(faults).toEqual(["/match/method"]);
  });

  test.each([
    [{ "": "v" }, ["/at/match/headers/"]],
    [{ "a b": "v" }, ["/at/match/headers/a b"]],
    [{ "a:": "v" }, ["/at/match/headers/a:"]],
    [{ "a/b~c": "v" }, ["/at/match/headers/a~1b~0c"]],
    [{ é: "v" }, ["/at/match/headers/é"]],
    [{ Accept: "1", accept: "2" }, ["/at/match/headers/accept"]],
    [{ a: "x\r\ny" }, ["/at/match/headers/a"]],
    [{ a: "\u0000" }, ["/at/match/headers/a"]],
    [{ a: "\u007f" }, ["/at/match/headers/a"]],
  ])("headers %j", (headers, at) => {
    expect(matching({ headers }).faults).toEqual(at);
  });

  test.each(["/..", "/a/../b", "/a..b", "//a", "/a//b", "/.env", "/a/.git", "/."])(
    "script path %s",
    (path) => {
      expect(read({ script: { path } }).faults).toEqual(["/at/script/path"]);
    },
  );

  test.each(["/", "/a", "/a.b", "/a/b.c/", "/-", "/_/a."])("script path %s is fine", (path) => {
    expect(read({ script: { path } }).faults).toEqual([]);
  });

  test.each([
    [{}, "nobody"],
    [{ groups: [] }, "nobody"],
    [{ groups: ["ops", "ops"] }, "twice"],
    [{ groups: ["ops", "ghost"] }, "no such group"],
    [{ groups: ["constructor"] }, "no such group"],
  ])("groups %j: %s", (applies_to, _why) => {
    expect(read({ applies_to }).faults).toEqual(["/at/applies_to/groups"]);
  });

  test("is all reported at once", () => {
    const { faults } = read({
      match: { method: "no", headers: { "a b": "\n" } },
      script: { path: "/../a" },
      applies_to: { groups: ["ghost"] },
    });
    expect(faults.toSorted()).toEqual([
      "/at/applies_to/groups",
      "/at/match/headers/a b",
      "/at/match/headers/a b",
      "/at/match/method",
      "/at/script/path",
    ]);
  });
});
