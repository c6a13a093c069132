// Every permission document of the product's description is stored through REST, and does what is said beside it.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Level } from "../harness/client.ts";
import { saltedDigest } from "../harness/credentials.ts";
import { type Body, type Example, examples, spelled } from "./seed-002/examples.ts";
import { documentAt, type Site, Stage, told, withIds } from "./seed-002/stage.ts";

const startMs = 30_000;

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
}, startMs);
afterAll(() => stage[Symbol.asyncDispose]());

const played = examples.flatMap((example) =>
  example.levels.map((level) => ({ level, example, title: titleOf(example, level) })),
);

describe.each(played)("$title", ({ level, example }) => {
  const body = { ...example.body, ...example.added };
  let site: Site;

  beforeAll(async () => {
    site = await stage.site();
    if (example.over !== undefined) await site.project.replace(withIds(example.over, site));
    await documentAt(site, level).replace(withIds(body, site));
  }, startMs);

  test("it is stored as it was sent", async () => {
    const expected = asStored(withIds(body, site));
    expect(only(expected, await documentAt(site, level).get())).toEqual(expected);
  });

  const cases = example.rows.flatMap(({ who, on, finds, why }) =>
    Object.entries(finds).map(([program, outcome]) => {
      const place = on === undefined ? "" : " in the other container";
      const reason = why === undefined ? "" : `: ${why}`;
      const sentence = `${who.name} ${told(outcome, program)}${place}${reason}`;
      return { sentence, who, on, program, outcome };
    }),
  );
  test.each(cases)("$sentence", async ({ who, on, program, outcome }) => {
    const box = on === "sibling" ? site.sibling : site.box;
    expect(await stage.knock(box, program, who)).toBe(outcome);
  });
});

describe.each(spelled)("%s has three spellings", (_name, level, body) => {
  const { groups, permissions, default: fallback } = body;
  const expected = asStored({ groups, permissions, default: fallback });

  test("curl and the SDK send an object, the SDK without ids", async () => {
    const site = await stage.site();
    const document = documentAt(site, level);
    await document.replace({ groups, permissions, default: fallback });
    const bySdk = await document.get();
    expect(only(expected, bySdk)).toEqual(expected);
    await document.replace(withIds(body, site));
    expect(await document.get()).toEqual({ ...bySdk, ...nextVersion(bySdk) });
  });

  test("the command line sends each group and its permissions as text", async () => {
    const site = await stage.site();
    const document = documentAt(site, level);
    await document.replace(withIds({ ...body, ...asText(body) }, site));
    expect(only(expected, await document.get())).toEqual(expected);
  });
});

function titleOf({ name, lines }: Example, level: Level): string {
  return `${name} (lines ${lines}) for ${level === "projects" ? "a project" : "a container"}`;
}

/** What is shown of a body once it is stored: digests instead of passwords, and the algorithm that was meant. */
function asStored(body: Body): Body {
  const groups = Object.entries((body.groups ?? {}) as Record<string, Record<string, string>>);
  return {
    default: "deny",
    enable_proxy: true,
    ...body,
    groups: Object.fromEntries(groups.map(([name, group]) => [name, storedGroup(group)])),
    permissions: body.permissions ?? {},
  };
}

function storedGroup(group: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const { type, password = "", salt = "" } = group;
  if (type === "jwt") return { algorithm: "HS256", ...group };
  if (type !== "password") return group;
  const digest = /^[0-9a-f]{64}$/.test(password) ? password : saltedDigest(salt, password);
  return { algorithm: "sha256", ...group, password: digest };
}

function asText({ groups, permissions }: Body): Body {
  const texts = (values: unknown) =>
    Object.fromEntries(
      Object.entries(values as Body).map(([name, value]) => [name, JSON.stringify(value)]),
    );
  return { groups: texts(groups), permissions: texts(permissions) };
}

/** The parts of a stored document that are expected; the rest is versions. */
function only(expected: Body, stored: Body): Body {
  return Object.fromEntries(Object.keys(expected).map((key) => [key, stored[key]]));
}

function nextVersion({ file_version }: { readonly file_version: number }): Body {
  return { file_version: file_version + 1, etag: `file:v${file_version + 1}` };
}
