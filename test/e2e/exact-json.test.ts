// What is kept as JSON comes back as the same numbers, or is refused; on every way in and out.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { create, type JsonObject } from "@bufbuild/protobuf";
import fc from "fast-check";
import { UpdateUserRequestSchema, UserService } from "../../proto/gen/realmgate/v1/users_pb.ts";
import { type GrpcClient, grpcClient } from "../../src/client/grpc.ts";
import { Api, makePlace, type Place } from "../harness/client.ts";
import { adminPassword, type Program, startProgram } from "../harness/program.ts";
import { decimal, type Json, JsonNumber, readJson } from "../reference/json.ts";

let program: Program;
let token: string;
let api: Api;
let place: Place;
let userId: string;
let grpc: GrpcClient<typeof UserService>;

beforeAll(async () => {
  program = await startProgram();
  const body = { username: "admin", password: adminPassword };
  ({
    token,
    user: { id: userId },
  } = await new Api(program.urls.rest).data("POST", "/users/auth/login", { body }));
  api = new Api(program.urls.rest, `Bearer ${token}`);
  place = await makePlace(api, program.urls, 9);
  grpc = grpcClient(program.urls.grpc, UserService, { credential: token });
});

afterAll(async () => {
  grpc[Symbol.dispose]();
  await program[Symbol.asyncDispose]();
});

/** Status and text of a call with this text as its body. */
async function send(method: string, path: string, body?: string, headers = {}) {
  const answer = await fetch(`${program.urls.rest}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body }),
  });
  return { status: answer.status, text: await answer.text() };
}

/** With numbers as decimals, so that equal means equal as written. */
function plain(json: Json | undefined): unknown {
  if (json instanceof JsonNumber) return { decimal: decimal(json.text) };
  if (Array.isArray(json)) return json.map(plain);
  if (!(json instanceof Map)) return json;
  return [...json].map(([name, value]) => [name, plain(value)]).sort();
}

/** A field of the `data` of an answer, numbers as they stand in its text. */
function fieldOf(text: string, ...path: string[]): unknown {
  let json: Json | undefined = readJson(text);
  for (const step of ["data", ...path]) json = json instanceof Map ? json.get(step) : undefined;
  return plain(json);
}

const digits = (max: number) =>
  fc
    .array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: max })
    .map((all) => all.join(""));
const numberText = fc.oneof(
  fc
    .tuple(fc.constantFrom("", "-"), digits(22))
    .map(([sign, all]) => sign + all.replace(/^0+(?=.)/, "")),
  fc.tuple(digits(3), digits(20)).map(([a, b]) => `${a.replace(/^0+(?=.)/, "")}.${b}`),
  fc
    .tuple(fc.integer({ min: 0, max: 9 }), digits(4), fc.integer({ min: -330, max: 330 }))
    .map(([a, b, e]) => `${a}.${b}e${e}`),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.maxSafeInteger().map(String),
  fc.constantFrom(
    "-0",
    "0",
    "1.0",
    "9007199254740991",
    "9007199254740992",
    "9007199254740993",
    "1e400",
  ),
);
const name = fc.constantFrom('"a"', '"b"', '"__proto__"', '"1"', '"\\u0061"', '"constructor"');
const { value: jsonText } = fc.letrec<{ value: string; list: string; object: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    numberText,
    fc.string().map((text) => JSON.stringify(text)),
    fc.constantFrom("true", "null"),
    tie("list"),
    tie("object"),
  ),
  list: fc.array(tie("value"), { maxLength: 4 }).map((items) => `[${items.join()}]`),
  object: fc
    .array(fc.tuple(name, tie("value")), { maxLength: 4 })
    .map((fields) => `{${fields.map(([own, value]) => `${own}:${value}`).join()}}`),
}));

describe("random JSON is kept or refused", () => {
  const outcomes = { kept: 0, refused: 0 };

  test("as the metadata of a user", async () => {
    await fc.assert(
      fc.asyncProperty(jsonText, async (text) => {
        const sent = `{"k":${text}}`;
        const { status } = await send("PATCH", `/users/${userId}`, `{"metadata":${sent}}`);
        if (status !== 200) {
          expect(status).toBeOneOf([400, 422]);
          outcomes.refused++;
          return;
        }
        outcomes.kept++;
        const read = await send("GET", "/users/auth/me");
        expect(fieldOf(read.text, "metadata")).toEqual(plain(readJson(sent)));
        const { message } = await grpc.getMe({});
        expect(plain(readJson(JSON.stringify(message.metadata)))).toEqual(plain(readJson(sent)));
      }),
      { numRuns: 150 },
    );
    expect(Math.min(outcomes.kept, outcomes.refused)).toBeGreaterThan(20);
  });
});

const inexact = [
  "12345678901234567890",
  "281674916028284930",
  "9007199254740993",
  "-9007199254740993",
  "0.1000000000000000000001",
  "1e400",
  "1e-400",
  "-0",
];
const exact = ["9007199254740991", "-9007199254740991", "0.1", "1e2", "1.50", "5e-324"];

describe("a number in", () => {
  const documentPath = () => place.container.path;
  const etag = async () => (await place.container.get()).etag;
  const claimed = (claims: string) => `{"secret":"k","sources":["header:X"],"claims":${claims}}`;

  test.each([
    [
      "metadata",
      async (number: string) =>
        send("PATCH", `/users/${userId}`, `{"metadata":{"a":[{"b":${number}}]}}`),
    ],
    [
      "public_storage",
      async (number: string) =>
        send(
          "POST",
          "/auth/tokens",
          `{"alias":"t${Bun.randomUUIDv7().slice(-12)}","public_key":"${"ab".repeat(32)}","public_storage":{"a":${number}}}`,
        ),
    ],
    [
      "a claim",
      async (number: string) =>
        send("PATCH", `${documentPath()}/groups/a/jwt`, claimed(`{"uid":${number}}`), {
          "if-match": await etag(),
        }),
    ],
    [
      "a claim that has it",
      async (number: string) =>
        send("PATCH", `${documentPath()}/groups/a/jwt`, claimed(`{"uid":{"has":${number}}}`), {
          "if-match": await etag(),
        }),
    ],
    [
      "a claim of a whole document",
      async (number: string) =>
        send(
          "PUT",
          documentPath(),
          `{"groups":{"a":{"type":"jwt","secret":"k","sources":["header:X"],"claims":{"uid":${number}}}}}`,
          { "if-match": await etag() },
        ),
    ],
  ] as const)("%s is kept exactly or refused", async (_where, write) => {
    for (const number of inexact) {
      const { status, text } = await write(number);
      expect({ number, refused: status === 400 || status === 422 }).toEqual({
        number,
        refused: true,
      });
      expect(text).toContain("instancePath");
    }
    for (const number of exact) {
      const { status } = await write(number);
      expect({ number, kept: status === 200 || status === 201 }).toEqual({ number, kept: true });
    }
  });

  test("JSON text inside JSON is read in the same way", async () => {
    const group = (claims: string) =>
      JSON.stringify(`{"type":"jwt","secret":"k","sources":["header:X"],"claims":${claims}}`);
    for (const [claims, status] of [
      ['{"uid":281674916028284930}', 422],
      ['{"uid":1,"uid":2}', 422],
      ['{"uid":1}', 200],
    ] as const) {
      const body = `{"groups":{"a":${group(claims)}}}`;
      const path = documentPath();
      const answer = await send("PUT", path, body, { "if-match": await etag() });
      expect([claims, answer.status]).toEqual([claims, status]);
    }
  });

  test.each([2 ** 53, -(2 ** 53), 1e300, -0, Number.NaN, Number.POSITIVE_INFINITY])(
    "gRPC metadata is refused when it is %p, which may have been another",
    async (number) => {
      const metadata: JsonObject = { a: [{ b: number }] };
      const request = create(UpdateUserRequestSchema, {
        id: userId,
        metadata,
        updateMask: { paths: ["metadata"] },
      });
      await expect(grpc.updateUser(request)).rejects.toThrow();
    },
  );
});

test.each([
  ['{"metadata":{"a":1,"a":2}}', ["/metadata/a"]],
  ['{"metadata":{"a":{"b":1,"\\u0062":1}}}', ["/metadata/a/b"]],
  ['{"alias":"x","alias":"y"}', ["/alias"]],
  ['{"metadata":{"a/b":1e400}}', ["/metadata/a~1b"]],
])("%s is refused, and says where", async (body, at) => {
  const { status, text } = await send("PATCH", `/users/${userId}`, body);
  const { code, data } = JSON.parse(text);
  expect([
    status,
    code,
    data.map(({ instancePath }: { instancePath: string }) => instancePath),
  ]).toEqual([422, "VALIDATION_ERROR", at]);
});
