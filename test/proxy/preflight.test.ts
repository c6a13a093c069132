// CORS preflights never carry credentials: a document says whether the program answers them all the same.
import { describe, expect, test } from "bun:test";
import { create, type JsonObject } from "@bufbuild/protobuf";
import { AliasStateSchema } from "../../proto/gen/realmgate/v1/feed_pb.ts";
import { PARENT } from "../harness/change-registry.ts";
import { caseBench, codeOf, untouched } from "../harness/gate.ts";
import { ip } from "../harness/proxy-bench.ts";
import { answerTo, request } from "../harness/wire.ts";

const bench = await caseBench();
const { port } = bench.proxy;

const token: JsonObject = { type: "token", value: "t", header: "X-Key" };
const cookieToken: JsonObject = { type: "token", value: "t", cookie: "sid" };
const param: JsonObject = { type: "token", value: "t", param: "key" };
const near = ip("127.0.0.0/8") as JsonObject;
const far = ip("10.0.0.0/8") as JsonObject;

const granting = (groups: JsonObject, more: JsonObject = {}): JsonObject => ({
  groups,
  permissions: Object.fromEntries(Object.keys(groups).map((name) => [name, { terminal: true }])),
  preflight: "pass",
  ...more,
});

const ORIGIN = "Origin: https://app.example.com";
const METHOD = "Access-Control-Request-Method: PUT";
const PREFLIGHT = [ORIGIN, METHOD, "Access-Control-Request-Headers: x-key"];

async function outcome(own: JsonObject, lines = PREFLIGHT, method = "OPTIONS", path = "/x") {
  const { host, witness } = await bench.scene({ own });
  const answer = await answerTo(port, request(host, `${method} ${path} HTTP/1.1`, ...lines));
  expect(witness.requests).toHaveLength(answer?.status === 200 ? 1 : 0);
  return answer?.status === 200 ? "passed" : codeOf(answer?.body ?? "");
}

describe("a preflight without credentials is sent on where they could open the program", () => {
  test.each<[string, JsonObject]>([
    ["a token group grants it", granting({ token })],
    ["one of several groups does", granting({ far, token })],
    [
      "a password group grants it",
      granting({ p: { type: "password", username: "u", password: "p", salt: "s" } }),
    ],
    ["all groups do, and the address matches", granting({ near, token }, { combine: "all" })],
    [
      "the address matches a group that grants something else",
      {
        ...granting({ near, token }),
        permissions: { near: { files: true }, token: { terminal: true } },
      },
    ],
    ["the default is allow", granting({ token }, { default: "allow" })],
  ])("%s", async (_what, own) => {
    expect(await outcome(own)).toBe("passed");
  });
});

describe("a preflight is refused", () => {
  test.each<[string, JsonObject, string]>([
    [
      "when the document says judge",
      granting({ token }, { preflight: "judge" }),
      "unauthenticated",
    ],
    [
      "when the document says nothing",
      { groups: { token }, permissions: { token: { terminal: true } } },
      "unauthenticated",
    ],
    [
      "for a program that no group grants",
      { ...granting({ token }), permissions: { token: { files: true } } },
      "unauthenticated",
    ],
    [
      "for an instance that no group grants",
      { ...granting({ token }), permissions: { token: { terminal: 2 } } },
      "unauthenticated",
    ],
    [
      "when the group is disabled",
      granting({ token: { ...token, enabled: false } }),
      "unauthenticated",
    ],
    ["when only addresses elsewhere are granted", granting({ far }), "denied"],
    [
      "when all groups must match and the address does not",
      granting({ far, token }, { combine: "all" }),
      "unauthenticated",
    ],
    [
      "when all must grant and one does not",
      {
        ...granting({ near, token }, { combine: "all" }),
        permissions: { token: { terminal: true } },
      },
      "unauthenticated",
    ],
    [
      "when one of all is disabled",
      granting({ near, token: { ...token, enabled: false } }, { combine: "all" }),
      "unauthenticated",
    ],
    [
      "from an address that is banned",
      { groups: { near }, permissions: {}, default: "allow", preflight: "pass" },
      "not_granted",
    ],
    ["without groups", granting({}), "denied"],
  ])("%s", async (_what, own, code) => {
    expect(await outcome(own)).toBe(code);
  });

  const open = granting({ token });
  test.each<[string, string[], string, string]>([
    ["that has no Origin", [METHOD], "OPTIONS", "unauthenticated"],
    ["with an empty Origin", ["Origin:", METHOD], "OPTIONS", "unauthenticated"],
    ["that asks for no method", [ORIGIN], "OPTIONS", "unauthenticated"],
    ["with a body", [...PREFLIGHT, "Content-Length: 1\r\n\r\nx"], "OPTIONS", "unauthenticated"],
    [
      "with a chunked body",
      [...PREFLIGHT, "Transfer-Encoding: chunked\r\n\r\n0"],
      "OPTIONS",
      "unauthenticated",
    ],
    ["of another method", PREFLIGHT, "DELETE", "unauthenticated"],
    ["that is a GET", PREFLIGHT, "GET", "unauthenticated"],
    [
      "that asks for an upgrade",
      [...PREFLIGHT, "Upgrade: websocket", "Connection: upgrade"],
      "OPTIONS",
      "unauthenticated",
    ],
    [
      "that a program may take for another method",
      [...PREFLIGHT, "X-HTTP-Method-Override: DELETE"],
      "OPTIONS",
      "unauthenticated",
    ],
    [
      "that names another method in a second field",
      [...PREFLIGHT, "X-Method-Override: OPTIONS", "X-HTTP-Method: PUT"],
      "OPTIONS",
      "unauthenticated",
    ],
  ])("%s", async (_what, lines, method, code) => {
    expect(await outcome(open, lines, method)).toBe(code);
  });

  test.each(["_method", "x-http-method-override", "_HttpMethod", "x-tunneled-method"])(
    "that names another method in its query, as %s",
    async (name) => {
      const target = `/x?${name}=DELETE`;
      expect(await outcome(open, PREFLIGHT, "OPTIONS", target)).toBe("unauthenticated");
    },
  );
});

test("what is sent on carries no credentials: neither those that are read, nor cookies, nor Authorization", async () => {
  const { host, witness } = await bench.scene({ own: granting({ token, cookieToken, param }) });
  const lines = [
    ...PREFLIGHT,
    "Cookie: sid=wrong; other=1",
    "Authorization: Bearer x",
    "Proxy-Authorization: Basic eA==",
    "X-Key: wrong",
    "X-Realmgate-Groups: admins",
  ];
  const answer = await answerTo(port, request(host, "OPTIONS /x?key=wrong&a=1 HTTP/1.1", ...lines));
  expect(answer?.status).toBe(200);
  const seen = witness.requests[0];
  expect(seen?.line).toBe("OPTIONS /x?a=1 HTTP/1.1");
  for (const name of [
    "cookie",
    "authorization",
    "proxy-authorization",
    "x-key",
    "x-realmgate-groups",
  ]) {
    expect([name, witness.latest(name)]).toEqual([name, []]);
  }
  expect(witness.latest("origin")).toEqual(["https://app.example.com"]);
  expect(witness.latest("access-control-request-headers")).toEqual(["x-key"]);
});

/** How programs name a field: as it is in lower case (Node, Go), by CGI's rules (RFC 3875 §4.1.18), and by those of WSGI, Rack and PHP. */
const readings: Record<string, (name: string) => string> = {
  "in lower case": (name) => name.toLowerCase(),
  "CGI, WSGI, Rack": (name) => name.toUpperCase().replaceAll("-", "_"),
  PHP: (name) => name.toUpperCase().replace(/[-. ]/g, "_"),
  "Apache before 2.4, lighttpd": (name) => name.toUpperCase().replace(/[^A-Z0-9]/g, "_"),
};

test("no program reads a field of it as one that the document reads, however it is spelled", async () => {
  const fields = ["X-Auth-Token", "Jwt_Assertion", "x.api-key"];
  const sources = fields.map((name) => `header:${name}`);
  const jwt = { type: "jwt", secret: "a secret of the test", sources };
  const { host, witness } = await bench.scene({ own: granting({ jwt, token }) });
  const stands = [..."-_.!#$%&'*+^`|~"];
  const spelled = [...fields, "X-Key"].flatMap((name) =>
    stands.flatMap((stand) => {
      const other = name.replace(/[^a-z]/i, stand);
      return [other, other.toUpperCase(), name.replace(/[^a-z]/gi, stand)];
    }),
  );
  for (let at = 0; at < spelled.length; at += 20) {
    const lines = spelled.slice(at, at + 20).map((name) => `${name}: evil`);
    const more = ["Connection: X-Auth-Token", "X-Auth-Tokens: kept"];
    const answer = await answerTo(
      port,
      request(host, "OPTIONS /x HTTP/1.1", ...PREFLIGHT, ...more, ...lines),
    );
    expect(answer?.status).toBe(200);
    const got = witness.requests.at(-1)?.headers.map(([name]) => name) ?? [];
    expect(got).toContain("x-auth-tokens");
    for (const [program, read] of Object.entries(readings)) {
      const wanted = [...fields, "X-Key"].map(read);
      expect([program, got.filter((name) => wanted.includes(read(name)))]).toEqual([program, []]);
    }
  }
});

test("an alias' own query, which may be a credential, is not sent on with it", async () => {
  const name = "preflighted";
  const { placed, witness } = await bench.scene();
  await placed.change({
    own: granting({ token }),
    programs: { terminal: witness.port },
    state: {
      aliases: [
        create(AliasStateSchema, {
          alias: name,
          program: "terminal",
          instance: 1,
          targetPath: "/in?secret=s",
          allowPathOverride: true,
          enabled: true,
        }),
      ],
    },
  });
  const host = `${name}.${PARENT}`;
  expect((await answerTo(port, request(host, "OPTIONS /x HTTP/1.1", ...PREFLIGHT)))?.status).toBe(
    200,
  );
  expect(witness.requests.at(-1)?.line).toBe("OPTIONS /in/x HTTP/1.1");
  expect((await answerTo(port, request(host, "GET /x HTTP/1.1", "X-Key: t")))?.status).toBe(200);
  expect(witness.requests.at(-1)?.line).toBe("GET /in/x?secret=s HTTP/1.1");
});

describe("what the gate refuses can be read by pages of other origins where the document passes preflights", () => {
  const cors = ["access-control-allow-origin", "vary", "access-control-allow-credentials"];
  test.each<[string, JsonObject, string[], unknown[]]>([
    ["pass", granting({ token }), [ORIGIN], ["https://app.example.com", "Origin", undefined]],
    ["pass, to no origin", granting({ token }), ["Origin: a, b"], [undefined, "Origin", undefined]],
    ["pass, without Origin", granting({ token }), [], [undefined, undefined, undefined]],
    [
      "judge",
      granting({ token }, { preflight: "judge" }),
      [ORIGIN],
      [undefined, undefined, undefined],
    ],
  ])("%s", async (_what, own, lines, expected) => {
    const { host, placed, witness } = await bench.scene({ own });
    const answer = await answerTo(port, request(host, "GET / HTTP/1.1", ...lines));
    expect(answer?.status).toBe(401);
    expect(cors.map((name) => answer?.headers.get(name))).toEqual(expected as string[]);
    await untouched({ host, placed, witness }, port);
  });

  test("also when the program cannot be reached; its own answers are left alone", async () => {
    const { placed, host } = await bench.scene({ own: granting({ token }) });
    const lines = [ORIGIN, "X-Key: t"];
    const good = await answerTo(port, request(host, "GET / HTTP/1.1", ...lines));
    expect([good?.status, good?.headers.has("access-control-allow-origin")]).toEqual([200, false]);
    await placed.change({ own: granting({ token }), programs: { terminal: 1 } });
    const bad = await answerTo(port, request(host, "GET / HTTP/1.1", ...lines));
    expect([bad?.status, bad?.headers.get("access-control-allow-origin")]).toEqual([
      502,
      "https://app.example.com",
    ]);
  });
});
