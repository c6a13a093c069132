// C: what a client presents, byte for byte. Only one reading lets in; what lets in is not passed on.
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import type { JsonObject } from "@bufbuild/protobuf";
import { basic } from "../harness/credentials.ts";
import { caseBench, codeOf, type Scene, untouched } from "../harness/gate.ts";
import { onEdge } from "../harness/on-edge.ts";
import { parsed } from "../harness/policy.ts";
import { LOCAL } from "../harness/proxy-bench.ts";
import { answerTo, request } from "../harness/wire.ts";

const bench = await caseBench();
const { port } = bench.proxy;

const VALUE = "k3y-value";
const granting = (group: JsonObject) => ({
  own: { groups: { g: group }, permissions: { g: { terminal: true } }, default: "deny" },
});
const TOKEN = granting({ type: "token", header: "Authorization", value: VALUE });
const KEY = granting({ type: "token", header: "X-Key", value: VALUE });
const COOKIE = granting({ type: "token", cookie: "tok", value: VALUE });
const PARAM = granting({ type: "token", param: "tok", value: VALUE });
const PASSWORD = granting({ type: "password", username: "ada", password: "pa:ss", salt: "s" });

/** Whether the request is let in; when not, it is 401 and the upstream sees nothing of it. */
async function letsIn(scene: Scene, lines: string[], target = "/"): Promise<boolean> {
  const answer = await answerTo(port, request(scene.host, `GET ${target} HTTP/1.1`, ...lines));
  if (answer?.status === 200) return true;
  expect([answer?.status, codeOf(answer?.body ?? "")]).toEqual([401, "unauthenticated"]);
  await untouched(scene, port);
  return false;
}

const authorization = (value: string) => `Authorization: ${value}`;

describe("C1 of two credentials neither is believed", () => {
  test.each([
    ["good, then bad", [`Bearer ${VALUE}`, "Bearer bad"]],
    ["bad, then good", ["Bearer bad", `Bearer ${VALUE}`]],
    ["good twice", [`Bearer ${VALUE}`, `Bearer ${VALUE}`]],
    ["good, then empty", [`Bearer ${VALUE}`, ""]],
    ["empty, then good", ["", `Bearer ${VALUE}`]],
    ["both in one line", [`Bearer ${VALUE}, Bearer bad`]],
    ["the good one twice in one line", [`${VALUE}, ${VALUE}`]],
  ])("C1 Authorization: %s", async (_what, values) => {
    expect(await letsIn(await bench.scene(TOKEN), values.map(authorization))).toBe(false);
  });

  test.each([
    ["good, then bad", [VALUE, "bad"]],
    ["bad, then good", ["bad", VALUE]],
    ["in another letter case", [VALUE, VALUE]],
  ])("C1 a header of the document's own: %s", async (_what, [one, other]) => {
    expect(await letsIn(await bench.scene(KEY), [`X-Key: ${one}`, `x-kEY: ${other}`])).toBe(false);
  });

  test("C1 two passwords", async () => {
    const lines = [basic("ada:pa:ss"), basic("ada:bad")].map(authorization);
    expect(await letsIn(await bench.scene(PASSWORD), lines)).toBe(false);
  });
});

test.each<[string, boolean]>([
  [`Bearer ${VALUE}`, true],
  [`bearer ${VALUE}`, true],
  [`BEARER ${VALUE}`, true],
  [`Bearer   ${VALUE}`, true],
  [`  Bearer ${VALUE}  `, true],
  [VALUE, true],
  [`Bearer\t${VALUE}`, false],
  [`Bearer \t${VALUE}`, false],
  [`Bearer ${VALUE},`, false],
  [`Bearer${VALUE}`, false],
  [`Bearer ${VALUE} x`, false],
  [`Bearer "${VALUE}"`, false],
  [`Token ${VALUE}`, false],
  ["Bearer", false],
  [VALUE.toUpperCase(), false],
])("C2 Authorization: %j lets in: %p", async (value, expected) => {
  expect(await letsIn(await bench.scene(TOKEN), [authorization(value)])).toBe(expected);
});

describe("C3 nothing is not a credential", () => {
  test.each([
    ["X-Key:", KEY],
    ["X-Key:   ", KEY],
    ["Authorization: Bearer", TOKEN],
    ["Authorization: Bearer  ", TOKEN],
    ["Authorization: Basic Og==", PASSWORD],
    ["Cookie: tok=", COOKIE],
    ["Cookie: tok", COOKIE],
  ])("C3 %j is denied", async (line, placement) => {
    expect(await letsIn(await bench.scene(placement), [line])).toBe(false);
  });

  test.each<[string, JsonObject, string]>([
    ["token", { type: "token", header: "X-Key", value: "" }, "value"],
    ["absent token", { type: "token", header: "X-Key" }, "value"],
    ["password", { type: "password", username: "ada", password: "", salt: "s" }, "password"],
    ["absent password", { type: "password", username: "ada", salt: "s" }, "password"],
    ["jwt secret", { type: "jwt", secret: "", sources: ["header:X-Key"] }, "secret"],
  ])("C3 an empty or %s is refused when it is written", (_what, group, field) => {
    expect(parsed({ groups: { g: group } }).violations).toEqual([`/groups/g/${field}`]);
  });
});

test.each([VALUE.slice(0, -1), `${VALUE}x`, `x${VALUE}`, "k", VALUE.repeat(100), `${VALUE}\xe9`])(
  "C4 a value of another length is denied: %j (how long it takes: load/credential-timing.ts)",
  async (value) => {
    expect(await letsIn(await bench.scene(KEY), [`X-Key: ${value}`])).toBe(false);
  },
);

describe("C5 Basic is RFC 7617 to the letter", () => {
  const good = Buffer.from("ada:pa:ss").toString("base64");
  test.each<[string, string, boolean]>([
    ["a colon in the password", basic("ada:pa:ss"), true],
    ["another letter case of the scheme", `bAsIc ${good}`, true],
    ["two spaces", `Basic  ${good}`, true],
    ["no base64", "Basic !!!!", false],
    [
      "a missing pad",
      `Basic ${Buffer.from("ada:pa:sss").toString("base64").replaceAll("=", "")}`,
      false,
    ],
    ["no colon", basic("ada"), false],
    ["an empty user", basic(":pa:ss"), false],
    ["another letter case of the user", basic("Ada:pa:ss"), false],
    ["a NUL", basic("ada:pa:ss\0"), false],
    ["a NUL before the colon", basic("ada\0:pa:ss"), false],
    [
      "bytes that are not UTF-8",
      `Basic ${Buffer.from("ada:pa:ss\xe9", "latin1").toString("base64")}`,
      false,
    ],
    ["something behind it", `${basic("ada:pa:ss")} x`, false],
    ["a half of the password", basic("ada:pa"), false],
    ["white space inside", `Basic ${good.slice(0, 4)} ${good.slice(4)}`, false],
  ])("C5 %s", async (_what, value, expected) => {
    expect(await letsIn(await bench.scene(PASSWORD), [authorization(value)])).toBe(expected);
  });

  test("C5 the alphabet for URLs", async () => {
    const password = "\u00ff\u00fe\u00bf>?";
    const scene = () =>
      bench.scene(granting({ type: "password", username: "ada", password, salt: "s" }));
    const text = Buffer.from(`ada:${password}`);
    expect(await letsIn(await scene(), [authorization(`Basic ${text.toString("base64")}`)])).toBe(
      true,
    );
    const url = text.toString("base64url");
    expect(url).toMatch(/[-_]/);
    expect(await letsIn(await scene(), [authorization(`Basic ${url}`)])).toBe(false);
  });

  test("C5 the hash is of the salt and then the password, never the other way round", async () => {
    const hash = (text: string) => createHash("sha256").update(text).digest("hex");
    const scene = (password: string) =>
      bench.scene(granting({ type: "password", username: "ada", salt: "salt", password }));
    const lines = [authorization(basic("ada:word"))];
    expect(await letsIn(await scene(hash("saltword")), lines)).toBe(true);
    expect(await letsIn(await scene(hash("wordsalt")), lines)).toBe(false);
    expect(
      await letsIn(await scene(hash("saltword")), [
        authorization(basic(`ada:${hash("saltword")}`)),
      ]),
    ).toBe(false);
  });
});

describe("C6 a cookie", () => {
  test.each<[string, string[], boolean]>([
    ["alone", [`tok=${VALUE}`], true],
    ["among others", [`a=1; tok=${VALUE}; b=2`], true],
    ["twice in one line", [`tok=${VALUE}; tok=${VALUE}`], false],
    ["twice, once empty", [`tok=; tok=${VALUE}`], false],
    ["twice, once bad", [`tok=${VALUE}; tok=bad`], false],
    ["in two lines", [`tok=${VALUE}`, "tok=bad"], false],
    ["in two lines, equal", [`tok=${VALUE}`, `tok=${VALUE}`], false],
    ["in quotes", [`tok="${VALUE}"`], false],
    ["with spaces around the sign", [`tok = ${VALUE}`], false],
    ["with a prefix", [`xtok=${VALUE}`], false],
    ["behind a no-break space", [`\xa0tok=${VALUE}`], false],
    ["behind another of that name with a no-break space", [`\xa0tok=x; tok=${VALUE}`], false],
    ["before another of that name with a space", [`tok=${VALUE}; tok =x`], false],
    ["with a no-break space after it", [`tok=${VALUE}\xa0`], false],
    ["in another letter case", [`TOK=${VALUE}`], false],
    ["without a name", [`=${VALUE}`], false],
    ["without a name, naming it", [`=tok=${VALUE}`], false],
    ["behind a comma", [`a=1, tok=${VALUE}`], false],
    ["encoded", [`tok=${VALUE.replace("k", "%6b")}`], false],
  ])("C6 %s", async (_what, lines, expected) => {
    const scene = await bench.scene(COOKIE);
    expect(
      await letsIn(
        scene,
        lines.map((line) => `Cookie: ${line}`),
      ),
    ).toBe(expected);
  });

  test("C6 the upstream gets the other cookies byte for byte", async () => {
    const scene = await bench.scene(COOKIE);
    const line = `a="1,2";  b=%20x;c; tok=${VALUE};xtok=${VALUE}; =y`;
    expect(await letsIn(scene, [`Cookie: ${line}`])).toBe(true);
    expect(scene.witness.latest("cookie")).toEqual([`a="1,2";  b=%20x;c;xtok=${VALUE}; =y`]);
    const open = await bench.scene();
    await answerTo(port, request(open.host, "GET / HTTP/1.1", `Cookie: ${line}`));
    expect(open.witness.latest("cookie")).toEqual([line]);
  });
});

describe("C7 a parameter", () => {
  const spaced = "k3y value";
  test.each<[string, string, boolean]>([
    ["alone", `tok=${VALUE}`, true],
    ["with an encoded name", `%74ok=${VALUE}`, true],
    ["with an encoded value", `tok=${VALUE.replace("k", "%6b")}`, true],
    ["twice", `tok=${VALUE}&tok=bad`, false],
    ["twice, the other way round", `tok=bad&tok=${VALUE}`, false],
    ["twice, once encoded", `tok=${VALUE}&%74ok=${VALUE}`, false],
    ["in another letter case", `TOK=${VALUE}`, false],
    ["with brackets", `tok[]=${VALUE}`, false],
    ["behind a semicolon", `a=1;tok=${VALUE}`, false],
    ["with a NUL", `tok=${VALUE}%00`, false],
    ["encoded twice", `tok=${VALUE.replace("k", "%256b")}`, false],
  ])("C7 %s", async (_what, query, expected) => {
    expect(await letsIn(await bench.scene(PARAM), [], `/p?${query}`)).toBe(expected);
  });

  test.each([
    ["in the fragment", `a=1#tok=${VALUE}`],
    ["in the fragment behind a sign", `a=1#&tok=${VALUE}`],
  ])("C7 %s", async (_what, query) => {
    const scene = await bench.scene(PARAM);
    const answer = await answerTo(port, request(scene.host, `GET /p?${query} HTTP/1.1`));
    // No target has a fragment (RFC 9112 §3.2): the wire edge takes it for malformed.
    expect([answer?.status, codeOf(answer?.body ?? "")]).toEqual(
      onEdge({ serve: [401, "unauthenticated"], wire: [400, "bad_request"] }),
    );
    await untouched(scene, port);
  });

  test.each<[string, boolean]>([
    ["k3y+value", true],
    ["k3y%20value", true],
    ["k3y%2Bvalue", false],
  ])("C7 a space in the value is sent as %s: %p", async (sent, expected) => {
    const scene = await bench.scene(granting({ type: "token", param: "tok", value: spaced }));
    expect(await letsIn(scene, [], `/p?tok=${sent}`)).toBe(expected);
  });

  test("C7 is taken out of what is passed on, and is never logged", async () => {
    const scene = await bench.scene(PARAM);
    expect(await letsIn(scene, [], `/p?a=%2f&tok=${VALUE}&b=+`)).toBe(true);
    expect(scene.witness.requests.map(({ line }) => line)).toEqual(["GET /p?a=%2f&b=+ HTTP/1.1"]);
    expect(await letsIn(await bench.scene(PARAM), [], `/p?tok=${VALUE}&tok=${VALUE}`)).toBe(false);
    expect(Bun.inspect(bench.logged, { depth: 9 })).not.toContain(VALUE);
  });
});

test.each([
  "Host",
  "Connection",
  "Content-Length",
  "Transfer-Encoding",
  "Cookie",
  "upgrade",
  "X Key",
  "X-Key:",
  "X-Key\r\nHost",
  "X-K\u00e9y",
  "",
])("C8 a token in the header %j is refused when it is written", (header) => {
  const group = { type: "token", header, value: VALUE };
  expect(parsed({ groups: { g: group } }).violations).not.toEqual([]);
  const jwt = { type: "jwt", secret: VALUE, sources: [`header:${header}`] };
  expect(parsed({ groups: { g: jwt } }).violations).not.toEqual([]);
});

test("C9 a credential of one project says nothing to another, whoever was asked before", async () => {
  const one = await bench.scene(KEY);
  const other = await bench.scene(granting({ type: "token", header: "X-Key", value: "another" }));
  const lines = [`X-Key: ${VALUE}`];
  for (let round = 0; round < 3; round++) {
    const ask = async ({ host }: Scene) =>
      (await answerTo(port, request(host, "GET / HTTP/1.1", ...lines)))?.status;
    expect([await ask(one), await ask(other)]).toEqual([200, 401]);
  }
  await untouched(other, port);
});

describe("C10 several groups", () => {
  const token = (value: string) => ({ type: "token", header: "X-Key", value });
  const jwt = { type: "jwt", secret: "shared", sources: ["header:X-Jwt"] };
  const ask = async (own: JsonObject, ...lines: string[]) => {
    const { host } = await bench.scene({ own });
    const answer = await answerTo(port, request(host, "GET / HTTP/1.1", ...lines));
    return answer?.status === 200 ? "in" : codeOf(answer?.body ?? "");
  };
  const groups = { a: token("a"), b: token("b"), local: LOCAL, jwt };

  test("C10 one that grants is enough; what another does not grant takes nothing away", async () => {
    const permissions = { a: { terminal: true }, local: { terminal: false } };
    expect(await ask({ groups, permissions, default: "deny" }, "X-Key: a")).toBe("in");
    expect(await ask({ groups, permissions, default: "deny" }, "X-Key: b")).toBe("not_granted");
  });

  test("C10 combine: all asks every group", async () => {
    const both = { a: token("a"), local: LOCAL };
    const permissions = { a: { terminal: true }, local: { terminal: true } };
    const own = { groups: both, permissions, combine: "all", default: "deny" };
    expect(await ask(own, "X-Key: a")).toBe("in");
    expect(await ask(own, "X-Key: b")).toBe("unauthenticated");
    expect(await ask({ ...own, groups: { ...both, jwt } }, "X-Key: a", "X-Jwt: broken")).toBe(
      "unauthenticated",
    );
  });

  test("C10 the default holds only when nothing matched", async () => {
    const permissions = { a: { files: true } };
    const own = { groups: { a: token("a") }, permissions };
    expect(await ask({ ...own, default: "allow" }, "X-Key: zzz")).toBe("in");
    expect(await ask({ ...own, default: "allow" }, "X-Key: a")).toBe("not_granted");
    expect(await ask({ ...own, default: "deny" }, "X-Key: zzz")).toBe("unauthenticated");
  });

  test("C10 a group that cannot be judged is no match, and hinders no other", async () => {
    const permissions = { jwt: { terminal: true }, b: { terminal: true } };
    for (const broken of ["", "x", "a.b.c", "\xff", "e30.e30.", ".".repeat(100)]) {
      expect(await ask({ groups, permissions, default: "deny" }, `X-Jwt: ${broken}`)).not.toBe(
        "in",
      );
      expect(
        await ask({ groups, permissions, default: "deny" }, `X-Jwt: ${broken}`, "X-Key: b"),
      ).toBe("in");
    }
  });
});
