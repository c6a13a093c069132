import { describe, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { NullValue, ValueSchema } from "@bufbuild/protobuf/wkt";
import { ApiError } from "../../proto/call.ts";
import { ErrorCode } from "../../proto/gen/realmgate/v1/errors_pb.ts";
import { aliasNameOf, aliasNameProblem } from "../../src/admin/aliases/alias-name.ts";
import { hostParser } from "../../src/proxy/routing/host.ts";
import { type Random, randomFrom } from "../arbitrary/random.ts";

const P = "0123456789abcdef01234567";
const C = "89abcdef0123456789abcdef";

describe("a name", () => {
  test.each([
    ["abc", "shortest"],
    ["a".repeat(61), "longest"],
    ["007", "digits"],
    ["a--b", "two dashes inside"],
    ["containers-x", "more than the reserved name"],
    ["my-containers", "ends with the reserved name"],
    ["proxymyapp", "begins like a reserved one, without the dash"],
    ["workspace", "short of a reserved one"],
    ["my-proxy", "ends with a reserved one"],
    ["api", "an ordinary label"],
    ["f".repeat(48), "as they are drawn"],
    [P, "one id"],
    [`${P}-abc`, "one id with something after it"],
    [`${P}-${C.slice(1)}`, "one digit short of two ids"],
    [`x${P}-${C}`, "a letter before two ids"],
    [`${P.replace("f", "g")}-${C}`, "a letter that is no hex digit"],
  ])("%j is free: %s", (name) => {
    expect(aliasNameProblem(name)).toBeNull();
  });

  test.each([
    ["", "empty"],
    ["ab", "too short"],
    ["a".repeat(62), "too long"],
    ["-abc", "leading dash"],
    ["abc-", "trailing dash"],
    ["Abc", "upper case"],
    ["a_b", "underscore"],
    ["a.b", "two labels"],
    ["a b", "space"],
    ["abc\n", "line end"],
    ["äbc", "outside ASCII"],
    ["containers", "reserved"],
    ["proxy", "reserved"],
    ["proxy-x", "reserved prefix"],
    ["workspaces", "reserved"],
    ["workspaces-1", "reserved prefix"],
    ["egress", "reserved"],
    ["egress-x-y", "reserved prefix"],
    [`${P}-${C}`, "two ids"],
    [`${P}-${C}-http`, "a container's host"],
    [`${P}-${C}-x-1`, "nearly a container's host"],
  ])("%j is refused: %s", (name) => {
    expect(aliasNameProblem(name)).toBeString();
  });
});

describe("no name is read as the host of a container", () => {
  const parse = hostParser("local", "example.test");
  const hostOf = (name: string) => parse(`${name}.local.containers.example.test`);
  const seed = Number(process.env.REALMGATE_TEST_SEED ?? Date.now() % 2 ** 31);
  const hex = (random: Random, digits: number) =>
    random.list(digits, () => random.pick([..."0123456789abcdef"])).join("");

  test(`what may be an alias is one to the gate, too (seed ${seed})`, () => {
    const random = randomFrom(seed);
    const slugs = ["http", "n", "kv", "ssh-22", "http-80", "files", "terminal-1", "x"];
    const piece = () =>
      random.pick([
        () => hex(random, random.pick([23, 24, 24, 24, 25])),
        () => random.pick(slugs),
        () => hex(random, random.between(1, 4)),
        () => random.pick(["proxy", "containers", "egress", "", "g", "--"]),
      ])();
    let accepted = 0;
    let long = 0;
    for (let n = 0; n < 50_000; n++) {
      const name = random.list(random.between(1, 4), piece).join(random.pick(["-", "-", "-", ""]));
      if (aliasNameProblem(name) !== null) continue;
      accepted++;
      if (name.length > 50) long++;
      expect({ name, host: hostOf(name) }).toEqual({ name, host: { kind: "alias", name } });
    }
    expect(accepted).toBeGreaterThan(5_000);
    expect(long).toBeGreaterThan(100);
  });

  test(`what the gate reads as a container's host is no alias (seed ${seed})`, () => {
    const random = randomFrom(seed);
    const slugs = ["http", "https-1", "n-3", "kv", "ssh", "files-9", "db", "tun-2", "x_y", "7z"];
    let read = 0;
    for (let n = 0; n < 5_000; n++) {
      const name = `${hex(random, 24)}-${hex(random, 24)}-${random.pick(slugs)}`;
      if (hostOf(name).kind !== "direct") continue;
      read++;
      expect(aliasNameProblem(name)).toBeString();
    }
    expect(read).toBeGreaterThan(4_000);
  });
});

describe("the name that is sent", () => {
  const value = (kind: Parameters<typeof create<typeof ValueSchema>>[1]) =>
    create(ValueSchema, kind);

  test.each([
    ["nothing", undefined],
    ["null", value({ kind: { case: "nullValue", value: NullValue.NULL_VALUE } })],
    ["false", value({ kind: { case: "boolValue", value: false } })],
    ["an empty value", value({})],
  ])("is drawn for %s, and fit to be one", (_why, sent) => {
    const [one, other] = [aliasNameOf(sent), aliasNameOf(sent)];
    expect(one).toMatch(/^[0-9a-f]{48}$/);
    expect(one).not.toBe(other);
    expect(aliasNameProblem(one)).toBeNull();
  });

  test("is taken as it is", () => {
    expect(aliasNameOf(value({ kind: { case: "stringValue", value: "shop" } }))).toBe("shop");
  });

  test.each([
    ["a reserved one", value({ kind: { case: "stringValue", value: "proxy" } }), "NAME"],
    ["an empty one", value({ kind: { case: "stringValue", value: "" } }), "NAME"],
    ["true", value({ kind: { case: "boolValue", value: true } }), "SHAPE"],
    ["a number", value({ kind: { case: "numberValue", value: 7 } }), "SHAPE"],
    ["a list", value({ kind: { case: "listValue", value: { values: [] } } }), "SHAPE"],
  ])("is refused where it is %s", (_why, sent, fault) => {
    const code = fault === "NAME" ? ErrorCode.INVALID_ALIAS_NAME : ErrorCode.VALIDATION_ERROR;
    try {
      aliasNameOf(sent);
      throw new Error("taken");
    } catch (error) {
      expect(error).toBeInstanceOf(ApiError);
      expect(error).toMatchObject({ code, violations: [{ instancePath: "/alias" }] });
    }
  });
});
