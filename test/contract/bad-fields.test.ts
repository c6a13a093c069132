// Every rule of every field of every request, broken by one: refused, the field named, and nothing done.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  type DescField,
  type DescMessage,
  type DescMethod,
  getOption,
  hasOption,
  type JsonObject,
  type JsonValue,
  ScalarType,
} from "@bufbuild/protobuf";
import { CallerKind, type Rule, requires, rule } from "../../proto/gen/realmgate/v1/options_pb.ts";
import { pointerStep } from "../../proto/json-pointer.ts";
import { type Binding, bindingsOf } from "../../src/gateway-rest/routing/http-rule.ts";
import { ControlPlane } from "../harness/control-plane.ts";
import { elsewhere, requests } from "./method-table/requests.ts";
import { restRequest } from "./method-table/rest.ts";
import { here, lookAt, makeScene, type Scene } from "./method-table/scene.ts";

const plane = new ControlPlane();
let owner: string;
let scene: Scene;

beforeAll(async () => {
  plane.at(0);
  await plane.store.createFirstUser({ username: "owner", passwordHash: "-" });
  await plane.store.registerServer("local");
  await plane.store.createUser({ username: "guest", email: "g@example.com", passwordHash: "-" });
  owner = await plane.session("owner");
  const [ownerId, guestId] = [await userId("owner"), await userId("guest")];
  const ids = { ownerId, memberId: guestId, guestId };
  scene = await makeScene(plane, owner, { n: 0, realmIds: [here], ...ids });
});

afterAll(() => plane[Symbol.asyncDispose]());

async function userId(username: string): Promise<string> {
  const user = await plane.store.userForLogin({ username });
  if (user === null) throw new Error(`no ${username}`);
  return user.id;
}

/** One way to break one rule: the value, and where it goes. */
interface Breach {
  readonly what: string;
  readonly steps: readonly string[];
  readonly value: JsonValue | undefined;
}

function breaches(desc: DescMessage, steps: readonly string[] = []): Breach[] {
  return desc.fields.flatMap((field) => {
    const at = [...steps, field.name];
    const own = hasOption(field, rule) ? breaking(field, getOption(field, rule)) : [];
    const here = own.map(([what, value]) => ({ what, steps: at, value }));
    const nested =
      field.fieldKind === "message" && !field.message.typeName.startsWith("google.protobuf.");
    return nested ? [...here, ...breaches(field.message, at)] : here;
  });
}

function breaking(field: DescField, its: Rule): [what: string, value: JsonValue | undefined][] {
  const list: [string, JsonValue | undefined][] = [];
  if (its.required) list.push(["left out", undefined]);
  if (field.fieldKind === "list") {
    if (its.pattern !== "") list.push(["with a bad entry", ["!"]]);
    if (its.max !== undefined) {
      const entry = field.message === undefined ? "a".repeat(24) : {};
      list.push([`of ${its.max + 1} entries`, Array(its.max + 1).fill(entry)]);
    }
  } else if (field.fieldKind === "scalar" && field.scalar === ScalarType.STRING) {
    list.push(...breakingText(its));
  } else if (field.fieldKind === "scalar") {
    if (its.min !== undefined) list.push([`${its.min - 1}`, its.min - 1]);
    if (its.max !== undefined) list.push([`${its.max + 1}`, its.max + 1]);
  }
  return list;
}

function breakingText(its: Rule): [string, JsonValue][] {
  const list: [string, JsonValue][] = [];
  if (its.max !== undefined) list.push([`of ${its.max + 1} characters`, "a".repeat(its.max + 1)]);
  if (its.min !== undefined && its.min > 1) {
    list.push([`of ${its.min - 1} characters`, "a".repeat(its.min - 1)]);
  }
  if (its.oneOf.length > 0) list.push(["with an unknown word", "other"]);
  if (its.pattern.includes("[0-9a-f]{24}"))
    list.push(["in upper case", "ABCDEF012345678901234567"]);
  if (its.pattern !== "") list.push(["with a character that may not be", "\u0007".repeat(12)]);
  return list;
}

function withValue(
  message: JsonObject,
  [step = "", ...rest]: readonly string[],
  value: JsonValue | undefined,
): JsonObject {
  const copy = { ...message };
  if (rest.length > 0)
    copy[step] = withValue((copy[step] as JsonObject | undefined) ?? {}, rest, value);
  else if (value === undefined) delete copy[step];
  else copy[step] = value;
  return copy;
}

async function send(binding: Binding, message: JsonObject) {
  const { method } = binding;
  const needs = getOption(method, requires);
  const etag =
    method.parent.name === "ProjectPermissionsService" ? scene.projectEtag : scene.containerEtag;
  const seen = await plane.call(needs.caller === CallerKind.PUBLIC ? null : owner, {
    ...restRequest(binding, message),
    realm: here,
    ...(needs.ifMatch ? { ifMatch: etag } : {}),
  });
  return { status: seen.status, body: JSON.parse(seen.text) };
}

const methods = plane.services.flatMap((service) => service.methods);
const bindings = Map.groupBy(bindingsOf(plane.services), ({ method }) => method);

/** What REST cannot leave out: it is in the path, or it is the body. */
function isThere({ segments, body }: Binding, { steps }: Breach): boolean {
  const [field] = steps;
  const isBody = body !== null && body !== "message" && steps.length === 1 && body.name === field;
  return isBody || segments.some((each) => each.kind === "variable" && each.field === field);
}

const cases = methods
  .filter((method) => !elsewhere.has(nameOf(method)))
  .filter((method) => getOption(method, requires).caller !== CallerKind.TOKEN)
  .flatMap((method) => {
    const [binding] = bindings.get(method) ?? [];
    if (binding === undefined) throw new Error(`${nameOf(method)} has no route`);
    const all = breaches(method.input).filter(
      (breach) => breach.value !== undefined || !isThere(binding, breach),
    );
    return all.map(
      (breach) =>
        [nameOf(method), `${breach.steps.join(".")} ${breach.what}`, binding, breach] as const,
    );
  });

function nameOf(method: DescMethod): string {
  return `${method.parent.name}.${method.name}`;
}

describe("a request is refused, and its field named:", () => {
  test.each(cases)("%s, %s", async (name, _, binding, breach) => {
    const valid = requests[name]?.(scene) ?? {};
    const before = await lookAt(plane, owner, scene);
    const { status, body } = await send(binding, withValue(valid, breach.steps, breach.value));
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
    const relative =
      binding.body !== null && binding.body !== "message" && binding.body.name === breach.steps[0];
    const pointer = (relative ? breach.steps.slice(1) : breach.steps).map(pointerStep).join("");
    expect(body.data.map((each: { instancePath: string }) => each.instancePath)).toContain(pointer);
    expect(await lookAt(plane, owner, scene)).toBe(before);
  });

  test("there are many", () => expect(cases.length).toBeGreaterThan(250));
});

describe("a body with a field that nobody knows is refused:", () => {
  const withBody = methods
    .flatMap((method) => bindings.get(method) ?? [])
    .filter(({ body }) => body !== null);
  test.each(
    withBody.map((binding) => [`${binding.verb} ${nameOf(binding.method)}`, binding] as const),
  )("%s", async (_, binding) => {
    if (elsewhere.has(nameOf(binding.method))) return;
    const message = requests[nameOf(binding.method)]?.(scene) ?? {};
    const at =
      binding.body === "message" || binding.body === null ? ["zz"] : [binding.body.name, "zz"];
    const { status, body } = await send(binding, withValue(message, at, 1));
    if (getOption(binding.method, requires).caller === CallerKind.TOKEN) {
      expect(body.code).toBe("TOKEN_REQUIRED");
      return;
    }
    expect(status).toBe(422);
    expect(body.data[0].instancePath).toBe("/zz");
  });
});
