// What is wrong is refused with its name, nothing of it is kept, and no version is spent on it.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { type Answer, Api, type Level, makePlace, type Place } from "../harness/client.ts";
import { adminPassword, type Program, startProgram } from "../harness/program.ts";

const levels: readonly Level[] = ["projects", "containers"];
const limitBytes = 256 * 1024;

let program: Program;
let token: string;
let api: Api;
let place: Place;

beforeAll(async () => {
  program = await startProgram();
  const credentials = { username: "admin", password: adminPassword };
  const anonymous = new Api(program.urls.rest);
  ({ token } = await anonymous.data("POST", "/users/auth/login", { body: credentials }));
  api = new Api(program.urls.rest, `Bearer ${token}`);
  // Nothing is sent through the proxy here: any port will do.
  place = await makePlace(api, program.urls, 9);
  for (const document of [place.project, place.container]) {
    await document.replace({
      groups: { office: { type: "ip", range: "10.0.0.0/8" } },
      permissions: { office: { http: true } },
      default: "deny",
    });
  }
});

afterAll(() => program[Symbol.asyncDispose]());

interface Refusal {
  readonly status: number;
  readonly code: string;
  /** Pointers of what is wrong. */
  readonly at: readonly string[];
}

const documentAt = (level: Level) => (level === "projects" ? place.project : place.container);

const refusalOf = ({ status, body }: Answer): Refusal => ({
  status,
  code: body?.code,
  at: (body?.data ?? []).map(({ instancePath }: { instancePath: string }) => instancePath),
});

/** Sends it with the present version, at both levels; it is refused so, in the envelope, and the document is as before. */
async function refuses(
  method: string,
  sub: string,
  sent: { readonly body: unknown; readonly headers?: Readonly<Record<string, string>> },
  refusal: Refusal,
): Promise<void> {
  for (const level of levels) {
    const document = documentAt(level);
    const before = await document.get();
    const answer = await api.call(method, `${document.path}${sub}`, {
      body: sent.body,
      headers: { "if-match": before.etag, ...sent.headers },
    });
    expect(refusalOf(answer)).toEqual(refusal);
    expect(answer.body).toMatchObject({ statusCode: refusal.status, code: refusal.code });
    expect([answer.body.error, answer.body.message]).toEqual([
      expect.any(String),
      expect.any(String),
    ]);
    expect(answer.headers.has("x-realmgate-revision")).toBeFalse();
    expect(await document.get()).toEqual(before);
  }
}

const shape = (...at: string[]): Refusal => ({ status: 422, code: "VALIDATION_ERROR", at });
const config = (code: string, ...at: string[]): Refusal => ({ status: 400, code, at });
const document = (...at: string[]) => config("INVALID_PERMISSIONS_DOCUMENT", ...at);

const pem = (key: { export(options: object): string | Buffer }) =>
  key.export({ type: "spki", format: "pem" }).toString();
const rsa = (modulusLength: number) => generateKeyPairSync("rsa", { modulusLength });

describe("unknown fields and wrong types", () => {
  const office = { type: "ip", range: "10.0.0.0/8" };
  test.each([
    ["an unknown field", { defualt: "deny" }, shape("/defualt")],
    ["camel case", { enableProxy: true }, shape("/enableProxy")],
    [
      "a field of the group",
      { groups: { a: { ...office, ranges: [] } } },
      shape("/groups/a/ranges"),
    ],
    ["all at once", { a: 1, default: 2, groups: [] }, shape("/a", "/default", "/groups")],
    ["not an object", [], shape("")],
    ["null", "null", shape("")],
    ["text", '"{}"', shape("")],
    ["null for a field", { default: null }, shape("/default")],
    ["null for a group", { groups: { a: null } }, shape("/groups/a")],
    ["text for a boolean", { enable_proxy: "false" }, shape("/enable_proxy")],
    [
      "a number for a range",
      { groups: { a: { type: "ip", range: 10 } } },
      shape("/groups/a/range"),
    ],
    ["no type", { groups: { a: { range: "10.0.0.0/8" } } }, shape("/groups/a/type")],
    ["an unknown type", { groups: { a: { type: "oauth" } } }, shape("/groups/a/type")],
    ["an unknown default", { default: "maybe" }, shape("/default")],
    ["an unknown combine", { combine: "most" }, shape("/combine")],
    ["another project", { project: "0".repeat(24) }, document("/project")],
    ["another container", { container: "0".repeat(24) }, document("/container")],
    ["a document by the wrong name", { id: "x", document: {} }, shape("/id", "/document")],
  ])("in a document: %s", async (_why, body, refusal) => {
    await refuses("PUT", "", { body }, refusal);
  });

  test.each([
    ["/default", {}, shape("/default")],
    ["/default", { default: "" }, shape("/default")],
    ["/default", { default: "ALLOW" }, shape("/default")],
    ["/default", { default: "allow", enable_proxy: true }, shape("/enable_proxy")],
    ["/state", {}, shape("/enable_proxy")],
    ["/state", { enable_proxy: 0 }, shape("/enable_proxy")],
    ["/state", { enable_proxy: null }, shape("/enable_proxy")],
    ["/groups/a/ip", { type: "ip", range: "10.0.0.0/8" }, shape("/type")],
    ["/groups/a/ip", { range: "10.0.0.0/8", value: "x" }, shape("/value")],
    ["/groups/a/token", { type: "token", value: "x", header: "X" }, shape("/type")],
    ["/groups/a/jwt", { secret: "s", sources: "header:X" }, shape("/sources")],
    ["/groups/a/jwt", { secret: "s", sources: [1] }, shape("/sources/0")],
    ["/groups/a/jwt", { secret: "s", sources: ["header:X"], claims: [] }, shape("/claims")],
    ["/permissions/office", { program: "http" }, shape("/access")],
    ["/permissions/office", { access: true }, shape("/program")],
    ["/permissions/office", { program: "HTTP", access: true }, shape("/program")],
    ["/permissions/office", { program: "http", access: true, name: "a" }, shape("/name")],
    ["/permissions/office", { program: "http", access: true, id: "0" }, shape("/id")],
    [`/groups/${"a".repeat(51)}/ip`, { range: "10.0.0.0/8" }, shape("/name")],
    ["/groups/a%20b/ip", { range: "10.0.0.0/8" }, shape("/name")],
    ["/groups/a%2Fb/ip", { range: "10.0.0.0/8" }, shape("/name")],
    ["/groups/%C3%A9/ip", { range: "10.0.0.0/8" }, shape("/name")],
    ["/groups/a%0A/ip", { range: "10.0.0.0/8" }, shape("/name")],
  ])("%s %j", async (sub, body, refusal) => {
    await refuses("PATCH", sub, { body }, refusal);
  });
});

// What a document may say is told row by row where it is parsed, in src/policy/document.test.ts and the tests beside it. Here: one
// case of each machine code, by the route of the part and by that of the whole document.
describe("each kind of fault has its code, and the place of the fault", () => {
  const ip = { type: "ip", range: "10.0.0.0/8" };
  const sources = ["header:Authorization"];
  const weak = pem(rsa(1024).publicKey);

  test.each<[string, string, Record<string, unknown>, string, string]>([
    ["a range that is none", "ip", { range: "10.0.0.0/33" }, "INVALID_IP_RANGE", "/range"],
    ["no range", "ip", {}, "INVALID_IP_RANGE", "/range"],
    [
      "a key that is too weak",
      "jwt",
      { secret: weak, algorithm: "RS256", sources },
      "INVALID_JWT_CONFIG",
      "/secret",
    ],
    [
      "a source that is none, after one that is",
      "jwt",
      { secret: "k", sources: [...sources, "header:"] },
      "INVALID_JWT_CONFIG",
      "/sources/1",
    ],
    [
      "a claim that cannot be compared, by an escaped name",
      "jwt",
      { secret: "k", sources, claims: { "a/b": [] } },
      "INVALID_JWT_CONFIG",
      "/claims/a~1b",
    ],
    [
      "a token at two places",
      "token",
      { value: "v", header: "X", cookie: "x" },
      "INVALID_TOKEN_CONFIG",
      "",
    ],
    [
      "a user name that Basic cannot carry",
      "password",
      { username: "a:b", password: "p", salt: "s" },
      "INVALID_PASSWORD_CONFIG",
      "/username",
    ],
  ])("%s", async (_why, type, group, code, field) => {
    const refusal = config(code, `/groups/a${field}`);
    await refuses("PATCH", `/groups/a/${type}`, { body: group }, refusal);
    await refuses("PUT", "", { body: { groups: { a: { type, ...group } } } }, refusal);
  });

  test("a field of another type", async () => {
    const body = { groups: { a: { ...ip, value: "v" } } };
    await refuses("PUT", "", { body }, config("INVALID_IP_RANGE", "/groups/a/value"));
  });

  test("an access that is none", async () => {
    const refusal = config("INVALID_PERMISSION_VALUE", "/permissions/office/files");
    const one = { program: "files", access: "2-1" };
    await refuses("PATCH", "/permissions/office", { body: one }, refusal);
    const body = { groups: { office: ip }, permissions: { office: { files: "2-1" } } };
    await refuses("PUT", "", { body }, refusal);
  });

  test("permissions for a group that is not there", async () => {
    await refuses(
      "PUT",
      "",
      { body: { permissions: { ghost: {} } } },
      document("/permissions/ghost"),
    );
  });
});

describe("what JSON can spell and a document cannot hold", () => {
  test.each([
    ["text that is none, as a claim's value", '{"a":"\\ud800"}'],
    ["text that is none, as a claim's name", '{"\\ud800":"a"}'],
    ["a number without end", '{"a":1e400}'],
  ])("%s", async (_why, claims) => {
    const fields = `"secret":"k","sources":["header:X"],"claims":${claims}`;
    for (const [method, sub, body] of [
      ["PATCH", "/groups/a/jwt", `{${fields}}`],
      ["PUT", "", `{"groups":{"a":{"type":"jwt",${fields}}}}`],
    ] as const) {
      for (const level of levels) {
        const target = documentAt(level);
        const before = await target.get();
        const headers = { "if-match": before.etag };
        const answer = await api.call(method, `${target.path}${sub}`, { body, headers });
        const after = await api.call("GET", target.path);
        expect(answer.status).toBeOneOf([400, 422]);
        expect(after.status).toBe(200);
        expect(JSON.stringify(answer.body)).toContain("claims");
        expect(after.body.data).toEqual(before);
      }
    }
  });

  test.each(["1e400", "[1e400]", "-1e400"])(
    "%s, which is no number JSON can say, is not",
    async (access) => {
      const body = `{"program":"files","access":${access}}`;
      for (const level of levels) {
        const target = documentAt(level);
        const before = await target.get();
        const headers = { "if-match": before.etag };
        const answer = await api.call("PATCH", `${target.path}/permissions/office`, {
          body,
          headers,
        });
        expect(answer.status).toBeOneOf([400, 422]);
        expect(JSON.stringify(answer.body.data)).toMatch(/access|files/);
        expect(await target.get()).toEqual(before);
      }
    },
  );
});

describe("a document holds together", () => {
  const ip = { type: "ip", range: "10.0.0.0/8" };
  const many = (count: number, value: unknown) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`n${index}`, value]));

  test("a thousand groups and no more", async () => {
    await refuses("PUT", "", { body: { groups: many(1001, ip) } }, shape("/groups"));
  });

  test("a pointer escapes names in it, wherever it was found out", async () => {
    const body = { groups: { "a/b": { type: "oauth" } } };
    await refuses("PUT", "", { body }, shape("/groups/a~1b/type"));
  });

  test("all that is wrong with it is named at once", async () => {
    const groups = { a: { type: "ip", range: "x" }, b: { type: "token", value: "v" } };
    const body = { groups, permissions: { a: { files: 0 }, ghost: {} } };
    const at = ["/groups/a/range", "/groups/b", "/permissions/a/files", "/permissions/ghost"];
    await refuses("PUT", "", { body }, document(...at));
  });
});

describe("names of the language are names like any other: kept or refused, never lost", () => {
  const group = { type: "ip", range: "192.0.2.0/24" };

  test.each(["__proto__", "constructor", "toString", "hasOwnProperty"])(
    "a group %s",
    async (name) => {
      const own = JSON.stringify(group);
      for (const level of levels) {
        const target = documentAt(level);
        for (const [method, sub, body] of [
          ["PATCH", `/groups/${name}/ip`, '{"range":"192.0.2.0/24"}'],
          ["PUT", "", `{"groups":{"${name}":${own}},"permissions":{"${name}":{"http":true}}}`],
        ] as const) {
          const before = await target.get();
          const headers = { "if-match": before.etag };
          const answer = await api.call(method, `${target.path}${sub}`, { body, headers });
          const after = await target.get();
          if (answer.status === 200) {
            expect([sub, Object.entries(after.groups).find(([key]) => key === name)?.[1]]).toEqual([
              sub,
              group,
            ]);
            expect(after.file_version).toBe(before.file_version + 1);
          } else {
            expect(answer.status).toBeOneOf([400, 422]);
            expect(after).toEqual(before);
            expect(JSON.stringify(answer.body)).toMatch(new RegExp(`${name}|/name`));
          }
          const restored = {
            groups: { office: { type: "ip", range: "10.0.0.0/8" } },
            default: "deny",
          };
          await target.replace(restored);
        }
      }
      expect(({} as Record<string, unknown>).type).toBeUndefined();
    },
  );

  test.each(["__proto__", "constructor", "toString"])("a field %s is unknown", async (name) => {
    await refuses("PUT", "", { body: `{"${name}":{"default":"allow"}}` }, shape(`/${name}`));
    const body = `{"groups":{"a":{"type":"ip","range":"10.0.0.0/8","${name}":{}}}}`;
    await refuses("PUT", "", { body }, shape(`/groups/a/${name}`));
  });

  test("permissions of a group __proto__ that is not there", async () => {
    const body = '{"permissions":{"__proto__":{"http":true}}}';
    await refuses("PUT", "", { body }, document("/permissions/__proto__"));
  });

  test("a program __proto__", async () => {
    const body =
      '{"groups":{"a":{"type":"ip","range":"10.0.0.0/8"}},"permissions":{"a":{"__proto__":true}}}';
    await refuses("PUT", "", { body }, document("/permissions/a/__proto__"));
    const one = { program: "__proto__", access: true };
    await refuses("PATCH", "/permissions/office", { body: one }, shape("/program"));
  });
});

describe("a body", () => {
  const refusal = (status: number, code: string): Refusal => ({ status, code, at: [] });

  test.each([
    ["{", "cut off"],
    ["{default:1}", "no quotes"],
    ['{"default":"deny"}}', "one brace too many"],
    ['\ufeff{"default":"deny"}', "a byte order mark"],
    ["undefined", "no JSON at all"],
  ])("%j is no JSON: %s", async (body) => {
    await refuses("PATCH", "/default", { body }, refusal(400, "INVALID_JSON"));
  });

  test.each([
    "text/plain",
    "text/plain; charset=application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "application/jsonp",
  ])("of type %s is not taken", async (type) => {
    const sent = { body: '{"default":"allow"}', headers: { "content-type": type } };
    await refuses("PATCH", "/default", sent, refusal(415, "UNSUPPORTED_MEDIA_TYPE"));
  });

  test.each([
    ["objects", '{"a":', "}"],
    ["arrays", "[", "]"],
  ])("of 10,000 levels of %s is refused", async (_why, open, close) => {
    const deep = `${open.repeat(10_000)}${open === "[" ? "" : "1"}${close.repeat(10_000)}`;
    for (const body of [
      deep,
      `{"permissions":{"a":${deep}}}`,
      `{"groups":{"a":{"claims":${deep}}}}`,
    ]) {
      for (const level of levels) {
        const target = documentAt(level);
        const before = await target.get();
        const headers = { "if-match": before.etag };
        const answer = await api.call("PUT", target.path, { body, headers });
        expect([answer.status, answer.body.code]).toEqual([422, "VALIDATION_ERROR"]);
        expect(answer.body.data.length).toBeWithin(1, 101);
        expect(await target.get()).toEqual(before);
      }
    }
  });

  test("of 10,000 levels inside JSON text is refused", async () => {
    const text = `${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`;
    const pointer = `/permissions/a${"/a".repeat(31)}`;
    await refuses("PUT", "", { body: { permissions: { a: text } } }, shape(pointer));
  });

  /** The bytes to the document of each level, as they are; the document is as before. */
  async function raw(
    body: () => BodyInit,
    headers: Record<string, string> = {},
  ): Promise<Response[]> {
    const answers: Response[] = [];
    for (const level of levels) {
      const target = documentAt(level);
      const before = await target.get();
      answers.push(
        await fetch(`${program.urls.rest}/api/v1${target.path}/default`, {
          method: "PATCH",
          headers: {
            authorization: `Bearer ${token}`,
            "content-type": "application/json",
            "if-match": before.etag,
            ...headers,
          },
          body: body(),
        }),
      );
      expect(await target.get()).toEqual(before);
    }
    return answers;
  }

  test.each([
    ["Latin-1", [0xe9]],
    ["a lone continuation byte", [0x80]],
    ["an overlong quote", [0xc0, 0xa2]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
    ["UTF-16", [0xff, 0xfe]],
  ])("that is no UTF-8 is refused: %s", async (_why, bytes) => {
    const body = Buffer.concat([
      Buffer.from('{"default":"'),
      Buffer.from(bytes),
      Buffer.from('"}'),
    ]);
    for (const answer of await raw(() => body)) {
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ code: "INVALID_JSON" });
    }
  });

  const sized = (bytes: number) => Buffer.from('{"default":"allow" }'.padEnd(bytes, " "));

  test.each([
    [limitBytes + 1, "one byte over"],
    [4 * limitBytes, "four times"],
    [4 * limitBytes + 1, "a byte more than that"],
    [16 * limitBytes, "much too long"],
  ])(
    "of %d bytes is too long in the documented words, with its length and in chunks (%s)",
    async (bytes) => {
      const chunked = () =>
        new ReadableStream({
          start(controller) {
            const all = sized(bytes);
            for (let at = 0; at < all.length; at += 50_000) {
              controller.enqueue(all.subarray(at, at + 50_000));
            }
            controller.close();
          },
        });
      for (const body of [() => sized(bytes), chunked]) {
        for (const answer of await raw(body)) {
          expect(answer.status).toBe(413);
          expect(answer.headers.get("content-type")).toStartWith("application/json");
          expect(await answer.json()).toMatchObject({
            statusCode: 413,
            message: "Request body is too large",
            code: "PAYLOAD_TOO_LARGE",
          });
        }
      }
    },
  );

  test("of exactly the limit is read", async () => {
    const target = place.project;
    const { etag } = await target.get();
    const body = '{"default":"deny"}'.padEnd(limitBytes, " ");
    const options = { body, headers: { "if-match": etag } };
    expect((await api.call("PATCH", `${target.path}/default`, options)).status).toBe(200);
  });
});

describe("a path, a query or a host", () => {
  test.each([
    ["upper case", (id: string) => id.toUpperCase().replace(/[0-9]/, "A")],
    ["23 digits", (id: string) => id.slice(1)],
    ["25 digits", (id: string) => `${id}0`],
    ["not hex", (id: string) => `g${id.slice(1)}`],
    ["a name of the language", () => "__proto__"],
    ["quotes", () => "'%20or%201=1--"],
  ])("with an id that is none: %s", async (_why, spell) => {
    for (const level of levels) {
      const id = spell(level === "projects" ? place.projectId : place.containerId);
      for (const path of [`/${level}/${id}`, `/${level}/${id}/proxy/permissions`]) {
        const answer = await api.call("GET", path);
        expect(refusalOf(answer)).toEqual(config("INVALID_ID_FORMAT", "/id"));
        expect(answer.body.message).toBe("Invalid ID format");
      }
    }
  });

  test.each([
    ["validate_onyl=true", ["/validate_onyl"]],
    ["default=allow", ["/default"]],
    ["__proto__=1", ["/__proto__"]],
    ["if_match=file:v1&x=1", ["/if_match", "/x"]],
  ])("with ?%s, which no write knows", async (query, at) => {
    const sent = { body: { default: "allow" } };
    await refuses("PATCH", `/default?${query}`, sent, config("INVALID_PARAMETER_VALUE", ...at));
  });

  test.each([
    ["page=0", "INVALID_PARAMETER_VALUE", "/page"],
    ["limit=101", "INVALID_PARAMETER_VALUE", "/limit"],
    ["limit=ten", "INVALID_PARAMETER_VALUE", "/limit"],
    ["limit=1&limit=2", "INVALID_PARAMETER_VALUE", "/limit"],
    ["sort_by=password_hash", "INVALID_PARAMETER_VALUE", "/sort_by"],
    ["sort_order=up", "INVALID_PARAMETER_VALUE", "/sort_order"],
    ["realm_id=x", "INVALID_REALM_ID_FORMAT", "/realm_id"],
    ["pages=1", "INVALID_PARAMETER_VALUE", "/pages"],
  ])("of a list with ?%s", async (query, code, at) => {
    for (const level of levels) {
      expect(refusalOf(await api.call("GET", `/${level}/?${query}`))).toEqual(config(code, at));
    }
  });

  test.each([
    `${"a".repeat(24)}.${"b".repeat(24)}.api.localhost`,
    `${"a".repeat(24)}.${"a".repeat(24)}.api.localhost`,
    `api.${"a".repeat(24)}.localhost`,
  ])("of realm host %s", async (host) => {
    for (const level of levels) {
      const target = documentAt(level);
      const before = await target.get();
      const headers = { host, "if-match": before.etag };
      for (const answer of [
        await api.call("GET", target.path, { headers }),
        await api.call("DELETE", target.path, { headers }),
        await new Api(program.urls.rest).call("GET", `/${level}`, { headers }),
      ]) {
        expect(refusalOf(answer)).toEqual({ status: 400, code: "INVALID_HOST", at: [] });
      }
      expect(await target.get()).toEqual(before);
    }
  });

  test("that leads nowhere, or by another method", async () => {
    const { path } = place.project;
    for (const [method, sub, status, code] of [
      ["GET", "/nope", 404, "ROUTE_NOT_FOUND"],
      ["PATCH", "/groups/a/oauth", 404, "ROUTE_NOT_FOUND"],
      ["PATCH", "/groups/%ff/ip", 404, "ROUTE_NOT_FOUND"],
      ["POST", "", 405, "METHOD_NOT_ALLOWED"],
      ["GET", "/default", 405, "METHOD_NOT_ALLOWED"],
      ["PUT", "/groups/a", 405, "METHOD_NOT_ALLOWED"],
    ] as const) {
      const answer = await api.call(method, `${path}${sub}`);
      expect([method, sub, refusalOf(answer)]).toEqual([method, sub, { status, code, at: [] }]);
      expect(answer.headers.has("allow")).toBe(status === 405);
    }
  });
});
