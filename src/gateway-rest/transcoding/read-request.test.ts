import { heapStats } from "bun:jsc";
import { describe, expect, test } from "bun:test";
import { create, type JsonValue, type Message } from "@bufbuild/protobuf";
import { ApiError } from "../../../proto/call.ts";
import { refusalOf } from "../../../proto/errors.ts";
import { AliasService } from "../../../proto/gen/realmgate/v1/aliases_pb.ts";
import {
  ContainerService,
  ListContainersRequestSchema,
} from "../../../proto/gen/realmgate/v1/containers_pb.ts";
import {
  ProjectPermissionsService,
  ReplacePermissionsRequestSchema,
  SetDefaultRequestSchema,
} from "../../../proto/gen/realmgate/v1/permissions_pb.ts";
import {
  TokenRealmRequestSchema,
  TokenService,
  type UpdateTokenRequest,
  UpdateTokenRequestSchema,
} from "../../../proto/gen/realmgate/v1/tokens_pb.ts";
import { UserService } from "../../../proto/gen/realmgate/v1/users_pb.ts";
import { type Binding, bindingsOf } from "../routing/http-rule.ts";
import { bodyBytesMax, publicBodyBytesMax } from "./bounded-body.ts";
import { readRequest } from "./read-request.ts";

const pace = { paceBytes: 1, paceMs: 60_000 };
const id = "0123456789abcdef01234567";

const bindings = bindingsOf([
  ContainerService,
  ProjectPermissionsService,
  TokenService,
  AliasService,
  UserService,
]);
function bindingOf(method: string, variables = 1): Binding {
  const found = bindings.find(
    (binding) =>
      binding.method.name === method &&
      binding.segments.filter(({ kind }) => kind === "variable").length === variables,
  );
  if (found === undefined) throw new Error(`${method} has no such binding`);
  return found;
}

const setDefault = bindingOf("SetDefault");
const replace = bindingOf("ReplacePermissions");
const list = bindingOf("ListContainers", 0);
const update = bindingOf("UpdateToken");
const login = bindingOf("Login", 0);

interface Sent {
  readonly body?: BodyInit;
  readonly type?: string | null;
  readonly query?: string;
}

function read(binding: Binding, variables: readonly string[], sent: Sent): Promise<Message> {
  const headers = new Headers(
    sent.type === null ? {} : { "content-type": sent.type ?? "application/json" },
  );
  const request = new Request("http://api.localhost/", {
    method: sent.body === undefined ? "GET" : "PATCH",
    headers,
    body: sent.body ?? null,
  });
  return readRequest(binding, variables, new URLSearchParams(sent.query), request, pace);
}

/** How many objects there are, by type. */
async function objects(): Promise<Readonly<Record<string, number>>> {
  Bun.gc(true);
  await Bun.sleep(1);
  return heapStats().objectTypeCounts;
}

/** `CODE /path /path` of a refusal; `ok` when it was read. */
async function outcome(
  binding: Binding,
  variables: readonly string[],
  sent: Sent,
): Promise<string> {
  try {
    await read(binding, variables, sent);
    return "ok";
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return [refusalOf(error.code).code, ...error.violations.map((each) => each.instancePath)].join(
      " ",
    );
  }
}

const json = (value: JsonValue) => JSON.stringify(value);

describe("a message is made of", () => {
  test("body and path", async () => {
    expect(await read(setDefault, [id], { body: json({ default: "deny" }) })).toEqual(
      create(SetDefaultRequestSchema, { id, default: "deny" }),
    );
  });

  test("a body that is one field", async () => {
    expect(await read(replace, [id], { body: json({ default: "deny" }) })).toEqual(
      create(ReplacePermissionsRequestSchema, { id, document: { default: "deny" } }),
    );
  });

  test("the query", async () => {
    const query = `project_id=${id}&page=2&limit=5&sort_by=name&sort_order=asc`;
    expect(await read(list, [], { query })).toEqual(
      create(ListContainersRequestSchema, {
        projectId: id,
        page: 2,
        limit: 5,
        sortBy: "name",
        sortOrder: "asc",
      }),
    );
  });

  test("an absent body, which is an empty object", async () => {
    expect(await outcome(setDefault, [id], { body: "", type: null })).toBe("ok");
  });

  test("the path's id, and no other in the body", async () => {
    expect(await outcome(setDefault, [id], { body: json({ id, default: "deny" }) })).toBe("ok");
    const body = json({ id: "f".repeat(24), default: "deny" });
    expect(await outcome(setDefault, [id], { body })).toBe("VALIDATION_ERROR /id");
  });
});

describe("the keys of the body become the update mask", () => {
  /** The message for a body, and its mask. */
  async function updated(body: JsonValue) {
    const { updateMask, ...message } = (await read(update, [id], {
      body: json(body),
    })) as UpdateTokenRequest;
    return { paths: updateMask?.paths, message };
  }

  test.each([
    [{}, []],
    [{ alias: "a" }, ["alias"]],
    [{ alias: "a", realm_ids: [], is_enabled: false }, ["alias", "realm_ids", "is_enabled"]],
    [
      { public_key: null, public_storage: null, expires_at: null },
      ["public_key", "public_storage", "expires_at"],
    ],
    [{ id, alias: "a" }, ["alias"]],
  ])("%j: %j", async (body, paths) => {
    expect((await updated(body)).paths?.toSorted()).toEqual(paths.toSorted());
  });

  test("null clears a field of any type", async () => {
    const { message } = await updated({ public_key: null, public_storage: null, expires_at: null });
    const { updateMask: _, ...none } = create(UpdateTokenRequestSchema, { id });
    expect(message).toEqual(none);
  });

  test("null is a value where the contract does not document it as null", async () => {
    const { message, paths } = await updated({ ip_whitelist: null });
    expect(message.ipWhitelist?.kind.case).toBe("nullValue");
    expect(paths).toEqual(["ip_whitelist"]);
  });

  test.each(["update_mask", "updateMask"])(
    "a mask in the body or the query is refused: %s",
    async (name) => {
      for (const mask of ["alias", { paths: ["alias"] }, ["alias"], null]) {
        const body = json({ alias: "a", [name]: mask });
        expect(await outcome(update, [id], { body })).toBe(`VALIDATION_ERROR /${name}`);
      }
      const sent = { body: json({ alias: "a" }), query: `${name}=alias` };
      expect(await outcome(update, [id], sent)).toBe(`INVALID_PARAMETER_VALUE /${name}`);
    },
  );

  test("an absent body changes nothing", async () => {
    const message = (await read(update, [id], {})) as UpdateTokenRequest;
    expect(message.updateMask?.paths).toEqual([]);
  });

  test("a message without a mask has none", async () => {
    const message = await read(setDefault, [id], { body: json({ default: "deny" }) });
    expect(message).not.toHaveProperty("updateMask");
  });
});

describe("the realm filter", () => {
  const realm = "a".repeat(24);
  const login = bindingOf("Login", 0);
  const addRealm = bindingOf("AddTokenRealm");

  test.each([
    ["a list", list, [], undefined],
    ["a read", bindingOf("GetContainer"), [id], undefined],
    ["a write", setDefault, [id], json({ default: "deny" })],
    ["a deletion", bindingOf("DeleteAlias"), [id], undefined],
    ["a login", login, [], json({ username: "ada", password: "p" })],
    ["a message of nothing", bindingOf("ListTemplates", 0), [], undefined],
  ])("is known to %s, once", async (_why, binding, variables, body) => {
    const sent = body === undefined ? {} : { body };
    const once = { ...sent, query: `realm_id=${realm}` };
    const twice = { ...sent, query: `realm_id=${realm}&realm_id=${realm}` };
    expect(await outcome(binding, variables, once)).toBe("ok");
    expect(await outcome(binding, variables, twice)).toBe("INVALID_PARAMETER_VALUE /realm_id");
  });

  test("never reaches the message, not even one with a field of that name", async () => {
    const sent = { body: "{}", query: `realm_id=${realm}` };
    expect(await read(addRealm, [id], sent)).toEqual(create(TokenRealmRequestSchema, { id }));
    expect(await read(list, [], { query: `realm_id=${realm}` })).toEqual(
      create(ListContainersRequestSchema),
    );
  });

  test("does not hide other parameters", async () => {
    const sent = { query: `realm_id=${realm}&page=x&realm=${realm}` };
    expect(await outcome(list, [], sent)).toBe("INVALID_PARAMETER_VALUE /page /realm");
  });
});

describe("a query is refused when", () => {
  test.each([
    ["limmit=5", "INVALID_PARAMETER_VALUE /limmit", "misspelt"],
    ["sortBy=name", "INVALID_PARAMETER_VALUE /sortBy", "in camel case"],
    ["page=1&page=2", "INVALID_PARAMETER_VALUE /page", "said twice"],
    ["page=", "INVALID_PARAMETER_VALUE /page", "empty"],
    ["page=one", "INVALID_PARAMETER_VALUE /page", "no number"],
    ["page=1.5", "INVALID_PARAMETER_VALUE /page", "no integer"],
    ["page=0x1", "INVALID_PARAMETER_VALUE /page", "hex"],
    ["page=1e3", "INVALID_PARAMETER_VALUE /page", "an exponent"],
    ["page=%201", "INVALID_PARAMETER_VALUE /page", "a space"],
    ["page=99999999999", "INVALID_PARAMETER_VALUE /page", "too long"],
    ["__proto__=1", "INVALID_PARAMETER_VALUE /__proto__", "a name of the language"],
    ["a=1&b=2", "INVALID_PARAMETER_VALUE /a /b", "all of them are named"],
  ])("%s → %s: %s", async (query, expected) => {
    expect(await outcome(list, [], { query })).toBe(expected);
  });

  test("the message is in the body", async () => {
    const sent = { body: json({ default: "deny" }), query: "default=allow" };
    expect(await outcome(setDefault, [id], sent)).toBe("INVALID_PARAMETER_VALUE /default");
    expect(await outcome(replace, [id], { body: "{}", query: "name=x" })).toBe(
      "INVALID_PARAMETER_VALUE /name",
    );
  });
});

describe("a body", () => {
  const good = json({ default: "deny" });

  test.each([
    ["application/json", "ok"],
    ["application/json; charset=utf-8", "ok"],
    ["APPLICATION/JSON", "ok"],
    ["application/merge-patch+json", "ok"],
    [null, "UNSUPPORTED_MEDIA_TYPE"],
    ["text/plain", "UNSUPPORTED_MEDIA_TYPE"],
    ["text/json", "UNSUPPORTED_MEDIA_TYPE"],
    ["application/jsonp", "UNSUPPORTED_MEDIA_TYPE"],
    ["application/x-www-form-urlencoded", "UNSUPPORTED_MEDIA_TYPE"],
    ["multipart/form-data; boundary=application/json", "UNSUPPORTED_MEDIA_TYPE"],
  ])("of type %p: %s", async (type, expected) => {
    const body = new TextEncoder().encode(good);
    expect(await outcome(setDefault, [id], { body, type })).toBe(expected);
  });

  test.each([
    ["{", "cut off"],
    ["{'default':'deny'}", "single quotes"],
    ['{"default":"deny",}', "a comma too many"],
    ['{"default":"deny"}{}', "two values"],
    ["\ufeff{}", "a byte order mark (RFC 8259 §8.1)"],
    ["NaN", "no JSON number"],
    [" ", "white space alone"],
    ['{"default":"\u0000"}', "a control character"],
  ])("%j is not JSON: %s", async (body) => {
    expect(await outcome(setDefault, [id], { body })).toBe("INVALID_JSON");
  });

  test.each([
    ["a lone continuation byte", [0x80]],
    ["Latin-1", [0xe9]],
    ["an overlong slash", [0xc0, 0xaf]],
    ["a surrogate in UTF-8", [0xed, 0xa0, 0x80]],
    ["a sequence cut off", [0xf0, 0x9f, 0x98]],
  ])("that is not UTF-8 is not JSON: %s", async (_why, bytes) => {
    const body = Buffer.concat([
      Buffer.from('{"default":"'),
      Buffer.from(bytes),
      Buffer.from('"}'),
    ]);
    expect(await outcome(setDefault, [id], { body })).toBe("INVALID_JSON");
  });

  /** A body of exactly this many bytes. */
  const sized = (bytes: number) => good.padEnd(bytes, " ");

  test.each([
    [bodyBytesMax, "ok"],
    [bodyBytesMax + 1, "PAYLOAD_TOO_LARGE"],
    [16 * bodyBytesMax, "PAYLOAD_TOO_LARGE"],
  ])("of %d bytes, with its length or streamed: %s", async (bytes, expected) => {
    expect(await outcome(setDefault, [id], { body: sized(bytes) })).toBe(expected);
    const chunks = new ReadableStream({
      start(controller) {
        const all = Buffer.from(sized(bytes));
        for (let at = 0; at < all.length; at += 10_000) {
          controller.enqueue(all.subarray(at, at + 10_000));
        }
        controller.close();
      },
    });
    expect(await outcome(setDefault, [id], { body: chunks })).toBe(expected);
  });

  test.each([
    [publicBodyBytesMax, "ok"],
    [publicBodyBytesMax + 1, "PAYLOAD_TOO_LARGE"],
  ])("of %d bytes for a method that anybody may call: %s", async (bytes, expected) => {
    const body = json({ username: "ada", password: "correct horse" }).padEnd(bytes, " ");
    expect(await outcome(login, [], { body })).toBe(expected);
  });

  test("in chunks of a byte is not kept as one object each", async () => {
    const chunk = Buffer.from(sized(20_000));
    const before = (await objects()).Uint8Array ?? 0;
    let at = 0;
    let during = 0;
    const body = new ReadableStream({
      async pull(controller) {
        if (at === chunk.length) {
          during = (await objects()).Uint8Array ?? 0;
          controller.close();
        } else {
          controller.enqueue(new Uint8Array(chunk.subarray(at, ++at)));
        }
      },
    });
    expect(await outcome(setDefault, [id], { body })).toBe("ok");
    expect(during - before).toBeLessThan(2_000);
  });

  test("with too large a Content-Length is not read", async () => {
    const request = new Request("http://api.localhost/", {
      method: "PATCH",
      headers: { "content-type": "application/json", "content-length": String(bodyBytesMax + 1) },
      body: new ReadableStream({ pull: () => new Promise(() => {}) }),
    });
    const reading = readRequest(setDefault, [id], new URLSearchParams(), request, pace);
    await expect(reading).rejects.toThrow("Request body is too large");
  });

  test("that is invalid names all violations, by the field that holds the body", async () => {
    const body = json({ default: 1, nope: 2 });
    expect(await outcome(setDefault, [id], { body })).toBe("VALIDATION_ERROR /default /nope");
    expect(await outcome(replace, [id], { body })).toBe(
      "VALIDATION_ERROR /document/default /document/nope",
    );
  });
});
