import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import { ApiError } from "../../../proto/call.ts";
import { refusalOf } from "../../../proto/errors.ts";
import { PermissionDocumentSchema } from "../../../proto/gen/realmgate/v1/permissions_pb.ts";
import type { DocumentState } from "../store/records.ts";
import {
  acceptDocument,
  documentAnswer,
  editableDocument,
  storedDocument,
} from "./permission-document.ts";

const P = "0123456789abcdef01234567";
const C = "89abcdef0123456789abcdef";
const none: DocumentState = { version: 0, enableProxy: true, body: null, hooks: null };

const message = (json: JsonValue) => fromJson(PermissionDocumentSchema, json);
const plain = (document: ReturnType<typeof message>) =>
  toJson(PermissionDocumentSchema, document, { useProtoFieldName: true });

function stored(json: JsonValue, version = 1): DocumentState {
  return {
    version,
    enableProxy: true,
    body: acceptDocument(message(json)).document.text,
    hooks: null,
  };
}

const office = { type: "ip", range: "10.0.0.0/8" };

describe("what a surgical write starts from", () => {
  test.each([
    ["nothing is stored anywhere", none, none, "allow"],
    ["a closed project stays closed", none, stored({ default: "deny" }), "deny"],
    ["an open project stays open", none, stored({ default: "allow" }), "allow"],
    ["a project's default left out is deny", none, stored({ groups: { office } }), "deny"],
    ["its own was deleted", { ...none, version: 4 }, stored({ default: "deny" }), "deny"],
    ["a project out of sight tells nothing", none, null, "deny"],
    ["its own counts", stored({ default: "allow" }), stored({ default: "deny" }), "allow"],
  ])("%s", (_why, state, projectState, inForce) => {
    const view = { projectId: P, state, projectState, reachesBeyond: false };
    expect(editableDocument(view).default).toBe(inForce);
  });

  test("the project's groups are not taken over", () => {
    const projectState = stored({ groups: { office }, permissions: { office: { http: true } } });
    const view = { projectId: P, state: none, projectState, reachesBeyond: false };
    const document = editableDocument(view);
    expect([document.groups, document.permissions]).toEqual([{}, {}]);
  });
});

describe("a document as it is kept", () => {
  test("has digests for passwords, masked ranges, canonical programs and a default", () => {
    const { document } = acceptDocument(
      message({
        groups: {
          office: { type: "ip", range: "10.1.2.3/8" },
          ops: { type: "password", username: "u", password: "p4ss", salt: "s" },
          ci: { type: "jwt", secret: "k".repeat(32), sources: ["header:Authorization"] },
        },
        permissions: { office: { workspaces: true, kv: [1, 2] } },
      }),
    );
    expect(JSON.parse(document.text)).toMatchObject({
      default: "deny",
      groups: {
        office: { range: "10.0.0.0/8" },
        ops: {
          password: createHash("sha256").update("sp4ss").digest("hex"),
          algorithm: "sha256",
        },
        ci: { algorithm: "HS256" },
      },
      permissions: { office: { agent: true, sqlite: [1, 2] } },
    });
    expect(document.text).not.toContain("p4ss");
  });

  test("is kept the same when it is kept again", () => {
    const ops = { type: "password", username: "u", password: "p4ss", salt: "s" };
    const state = stored({ groups: { office, ops }, permissions: { ops: { http: 80 } } });
    const again = storedDocument(state);
    expect(again).not.toBeNull();
    if (again !== null) expect(acceptDocument(again).document.text).toBe(state.body ?? "");
  });

  test("says what is weak about it", () => {
    const weak = { type: "jwt", secret: "short", sources: ["header:Authorization"] };
    expect(acceptDocument(message({ groups: { weak } })).warnings.join()).toContain("weak");
    const office6 = { type: "ip", range: "2001:db8::/32" };
    expect(acceptDocument(message({ groups: { office, office6 } })).warnings).toEqual([]);
  });

  const bad = { type: "ip", range: "10/8" };
  test.each([
    [{ groups: { bad } }, "INVALID_IP_RANGE", ["/groups/bad/range"]],
    [
      { groups: { bad, worse: { type: "token", value: "v" } } },
      "INVALID_PERMISSIONS_DOCUMENT",
      ["/groups/bad/range", "/groups/worse"],
    ],
    [
      { permissions: { ghost: { http: true } } },
      "INVALID_PERMISSIONS_DOCUMENT",
      ["/permissions/ghost"],
    ],
    [
      { groups: { office }, permissions: { office: { http: 0 } } },
      "INVALID_PERMISSION_VALUE",
      ["/permissions/office/http"],
    ],
  ])("%j is refused as %s at %j", (json, code, at) => {
    try {
      acceptDocument(message(json as JsonValue));
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      expect(refusalOf(error.code).code).toBe(code);
      expect(error.violations.map(({ instancePath }) => instancePath)).toEqual(at);
    }
  });
});

describe("a document as callers see it", () => {
  test("is empty and open while none is stored", () => {
    const answer = documentAnswer({ kind: "project", id: P }, P, none);
    expect(plain(answer)).toEqual({
      project: P,
      default: "allow",
      enable_proxy: true,
      file_version: 0,
      etag: "file:v0",
      schema_version: 2,
    });
  });

  test("carries its ids, its version and the kill switch as it stands now", () => {
    const state = { ...stored({ groups: { office }, enableProxy: true }, 7), enableProxy: false };
    const answer = documentAnswer({ kind: "container", id: C }, P, state, ["weak."]);
    expect(plain(answer)).toMatchObject({
      project: P,
      container: C,
      groups: { office },
      default: "deny",
      enable_proxy: false,
      file_version: 7,
      etag: "file:v7",
      warnings: ["weak."],
    });
  });
});
