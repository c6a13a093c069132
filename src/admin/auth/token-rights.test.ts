import { describe, expect, test } from "bun:test";
import type { Token } from "../store/records.ts";
import { allowsAddress, earlier, rightsOf } from "./token-rights.ts";

const plain: Token = {
  id: "1".repeat(24),
  userId: "2".repeat(24),
  alias: "plain",
  publicKey: null,
  publicStorage: null,
  ipWhitelist: ["*"],
  permissions: '{"containers":{"read":true,"create":true},"projects":{"read":true}}',
  realmIds: [],
  allowNoRealm: true,
  vaultAccess: true,
  eventAccess: true,
  expiresAt: null,
  isEnabled: true,
  createdByTokenId: null,
  delegationDepth: 0,
  lastUsedAt: null,
  lastUsedIp: null,
  createdAt: "2026-01-01T00:00:00.000Z",
  updatedAt: "2026-01-01T00:00:00.000Z",
};
const early = "2026-02-01T00:00:00.000Z";
const late = "2026-03-01T00:00:00.000Z";

describe("effective rights", () => {
  test("of a root token are those of its row", () => {
    expect(rightsOf([plain])).toEqual({
      permissions: new Set(["containers.create", "containers.read", "projects.read"]),
      confinedTo: null,
      needsRealm: false,
      allowNoRealm: true,
      vaultAccess: true,
      eventAccess: true,
      expiresAt: null,
      isEnabled: true,
      ipWhitelists: [["*"]],
    });
  });

  const less: Token = {
    ...plain,
    permissions: '{"containers":{"read":true,"delete":true}}',
    realmIds: ["a", "b"],
    allowNoRealm: false,
    vaultAccess: false,
    eventAccess: false,
    expiresAt: early,
    isEnabled: false,
    ipWhitelist: ["10.0.0.0/8"],
  };

  test.each([
    ["its own row", [less, plain]],
    ["its maker's", [plain, less]],
    ["that of its maker's maker", [plain, plain, less]],
  ])("of a chain are the least of all: %s", (_who, chain) => {
    const rights = rightsOf(chain);
    expect(rights).toMatchObject({
      permissions: new Set(["containers.read"]),
      confinedTo: ["a", "b"],
      needsRealm: true,
      allowNoRealm: false,
      vaultAccess: false,
      eventAccess: false,
      expiresAt: early,
      isEnabled: false,
    });
    expect(allowsAddress(rights, "10.0.0.1")).toBeTrue();
    expect(allowsAddress(rights, "11.0.0.1")).toBeFalse();
  });

  test("realms are intersected; an empty intersection stays empty", () => {
    const inRealms = (...realmIds: string[]) => ({ ...plain, realmIds });
    expect(rightsOf([inRealms("a", "b"), inRealms("b", "c")]).confinedTo).toEqual(["b"]);
    expect(rightsOf([inRealms("a"), inRealms(), inRealms("a")]).confinedTo).toEqual(["a"]);
    const nowhere = rightsOf([inRealms("a"), inRealms("b")]);
    expect(nowhere).toMatchObject({ confinedTo: [], needsRealm: true });
  });

  test("addresses must be in both lists", () => {
    const from = (...ipWhitelist: string[]) => ({ ...plain, ipWhitelist });
    const rights = rightsOf([from("10.0.0.0/8"), from("*"), from("10.0.0.1", "192.0.2.1")]);
    expect(allowsAddress(rights, "10.0.0.1")).toBeTrue();
    expect(allowsAddress(rights, "10.0.0.2")).toBeFalse();
    expect(allowsAddress(rights, "192.0.2.1")).toBeFalse();
  });

  test("a permission that this version does not know is ignored", () => {
    const permissions = '{"containers":{"read":true,"fly":true},"space":{"read":true}}';
    const rights = rightsOf([{ ...plain, permissions }]);
    expect(rights.permissions).toEqual(new Set(["containers.read"]));
  });
});

test.each([
  [null, null, null],
  [early, null, early],
  [null, early, early],
  [early, late, early],
  [late, early, early],
])("of the expiries %p and %p the earlier is %p", (one, other, first) => {
  expect(earlier(one, other)).toBe(first);
});
