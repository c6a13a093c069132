import { describe, expect, test } from "bun:test";
import { fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import { PermissionDocumentSchema } from "../../../proto/gen/realmgate/v1/permissions_pb.ts";
import { DocumentPreviewSchema } from "../../../proto/gen/realmgate/v1/preview_pb.ts";
import { accessChangesMax, previewOf, type Tried } from "./document-preview.ts";
import { acceptDocument } from "./permission-document.ts";

const followers = { containers: 7, following: 5 };
const office = { type: "ip", range: "203.0.113.0/24" };
const robot = { type: "token", header: "X-Key", value: "a secret" };

function stored(json: JsonValue | null, enableProxy = true) {
  if (json === null) return { enableProxy, body: null };
  return {
    enableProxy,
    body: acceptDocument(fromJson(PermissionDocumentSchema, json)).document.text,
  };
}

const nothing = stored(null);

interface Case {
  readonly kind?: Tried["kind"];
  readonly before: Tried["before"];
  readonly after: Tried["after"];
  readonly project?: Tried["project"];
}

// biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of it.
function preview({ kind = "container", before, after, project = nothing }: Case): any {
  const message = previewOf({ kind, before, after, project, followers });
  return toJson(DocumentPreviewSchema, message, {
    useProtoFieldName: true,
    alwaysEmitImplicit: true,
  });
}

/** `who program: before -> after effect` of each change. */
function lines(given: Case): string[] {
  return preview(given).access.map(
    ({ who, group = who, program, before, after, effect }: Record<string, string>) =>
      `${group} ${program}: ${before} -> ${after} ${effect}`,
  );
}

const open = {
  groups: { office },
  permissions: { office: { terminal: [1, 2] } },
  default: "allow",
};
const closed = { ...open, default: "deny" };

describe("a preview", () => {
  test("of the first document tells that everything else closes", () => {
    const given = { before: nothing, after: stored(closed) };
    expect(lines(given)).toEqual([
      "office terminal: all -> 1-2 closes",
      "office *: all -> none closes",
      "no_group *: all -> none closes",
    ]);
    expect(preview(given)).toMatchObject({
      origin_before: "none",
      origin_after: "container",
      begins_effect: true,
      ends_effect: false,
      default_before: "allow",
      default_after: "deny",
      containers_affected: 1,
      groups: [{ name: "office", change: "added", fields: [] }],
      access_total: 3,
    });
  });

  test("of a document that goes tells that the project's is in force again", () => {
    const given = { before: stored(open), after: nothing, project: stored(closed) };
    expect(preview(given)).toMatchObject({
      origin_before: "container",
      origin_after: "project",
      ends_effect: true,
      default_after: "deny",
      groups: [],
    });
    expect(lines(given)).toEqual(["no_group *: all -> none closes"]);
  });

  test.each<[string, JsonValue, JsonValue, string]>([
    ["more instances", [1, 2], "1-4", "office terminal: 1-2 -> 1-4 opens"],
    ["fewer", true, [7], "office terminal: all -> 7 closes"],
    ["others", [1, 2], [2, 3], "office terminal: 1-2 -> 2-3 changes"],
  ])("of %s", (_, before, after, line) => {
    const document = (access: JsonValue) =>
      stored({ ...closed, permissions: { office: { terminal: access } } });
    expect(lines({ before: document(before), after: document(after) })).toEqual([line]);
  });

  test("of the same in other words tells of nothing", () => {
    const before = stored({ ...closed, permissions: { office: { db: "1-2", terminal: true } } });
    const after = stored({
      ...closed,
      combine: "any",
      permissions: { office: { sqlite: [2, 1], terminal: "1-65535" } },
    });
    expect(preview({ before, after })).toMatchObject({
      containers_affected: 0,
      groups: [],
      access: [],
    });
  });

  test("of HTTP tells of HTTPS, too", () => {
    const after = stored({ ...closed, permissions: { office: { terminal: [1, 2], http: 80 } } });
    expect(lines({ before: stored(closed), after })).toEqual([
      "office http: none -> 80 opens",
      "office https: none -> 80 opens",
    ]);
  });

  test("of layers tells what every group together opens", () => {
    const layers = {
      groups: { office, robot },
      permissions: { office: { terminal: "1-5" }, robot: { terminal: "4-9" } },
      default: "deny",
    };
    const given = { before: stored(layers), after: stored({ ...layers, combine: "all" }) };
    expect(lines(given)).toEqual([
      "office terminal: 1-5 -> none closes",
      "robot terminal: 4-9 -> none closes",
      "every_group terminal: 1-9 -> 4-5 closes",
    ]);
  });

  test("names the fields of a group that change, never what is in them", () => {
    const before = stored({ ...closed, groups: { office, robot } });
    const after = stored({ ...closed, groups: { office, robot: { ...robot, value: "another" } } });
    const told = preview({ before, after });
    expect(told.groups).toEqual([{ name: "robot", change: "changed", fields: ["value"] }]);
    expect(JSON.stringify(told)).not.toMatch(/a secret|another/);
  });

  test("of a group that is switched off tells that it matches nobody", () => {
    const off = { ...closed, groups: { office: { ...office, enabled: false } } };
    const given = { before: stored(closed), after: stored(off) };
    expect(lines(given)).toEqual(["office terminal: 1-2 -> none closes"]);
    expect(preview(given).groups).toEqual([
      { name: "office", change: "changed", fields: ["enabled"] },
    ]);
  });

  test.each<[string, Omit<Case, "kind">, number]>([
    [
      "a change of access: those that follow it",
      { before: stored(open), after: stored(closed) },
      5,
    ],
    ["its kill switch: all", { before: stored(open), after: stored(open, false) }, 7],
    ["nothing: none", { before: stored(open), after: stored(open) }, 0],
  ])("of a project's document counts the containers of %s", (_, given, count) => {
    const told = preview({ kind: "project", ...given });
    expect(told.containers_affected).toBe(count);
    expect(told.origin_after).toBe("project");
  });

  test("lists at most so many changes, and counts them all", () => {
    const names = Array.from({ length: accessChangesMax }, (_, n) => `g${n}`);
    const many = {
      groups: Object.fromEntries(names.map((name) => [name, office])),
      permissions: {},
      default: "deny",
    };
    const told = preview({ before: nothing, after: stored(many) });
    expect(told.access.length).toBe(accessChangesMax);
    expect(told.access_total).toBe(accessChangesMax + 1);
  });
});
