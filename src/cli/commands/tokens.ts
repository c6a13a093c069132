import type { Command } from "../execution/command.ts";
import type { Argument, Flags } from "../flags/flag.ts";
import type { Show } from "../output/show.ts";
import { all } from "./flags.ts";
import { tokenLeaves } from "./token-leaves.ts";

const tokenId: Argument = { name: "id", about: "the token: id or alias", names: "token" };
const record: Show = { as: "record" };
const example = "507f191e810c19729de860ed";

/** One hidden flag per leaf, `--permissions-containers-actions-start`; the help describes them in one line. */
const leafFlags: Flags = Object.fromEntries(
  tokenLeaves.map((leaf) => [
    `permissions-${leaf.replaceAll(/[._]/g, "-")}`,
    { kind: "boolean", about: leaf, field: `permissions.${leaf}`, hidden: true },
  ]),
);

const permissions: Flags = {
  permissions: {
    kind: "json",
    about: "its permissions, as a tree; for single leaves --permissions-containers-read, and so on",
  },
  ...leafFlags,
};

const profile: Flags = {
  "public-key": { kind: "text", about: "ED25519, 64 hex digits", nullable: true },
  "public-storage": { kind: "json", about: "public data", nullable: true },
};

const settings: Flags = {
  "expires-at": {
    kind: "time",
    about: "expiry: ISO 8601, seconds since 1970, today, tomorrow",
    nullable: true,
  },
  "ip-whitelist": { kind: "list", about: "networks it may be used from", placeholder: "cidr,cidr" },
  "realm-ids": {
    kind: "list",
    about: "realms it may be used in: ids or names",
    placeholder: "realm,realm",
    names: "realm",
  },
  "allow-no-realm": { kind: "boolean", about: "--no-allow-no-realm: on realm hosts only" },
  "vault-access": { kind: "boolean", about: "it may use the vault" },
  "event-access": { kind: "boolean", about: "--no-event-access: no events" },
  ...profile,
  "otp-code": { kind: "text", about: "one-time code of your account", secret: true },
};

const columns = ["id", "alias", "realm_ids", "is_enabled", "expires_at", "last_used_at"] as const;

export const tokenCommands: readonly Command[] = [
  {
    words: "auth create",
    aliases: ["auth new", "auth add"],
    about: "create an auth token; its secret is shown once",
    example:
      'auth create --alias "ci-staging-deploy" --expires-at tomorrow --realm-ids "60d5f1f3a3b4f9c3e8a1b2c3" --no-allow-no-realm',
    flags: {
      alias: { kind: "text", about: "its name; default: random" },
      "permission-template": {
        kind: "text",
        about: "template of its permissions",
        choices: ["full_access", "external_customer", "dev_team", "finance_team", "read_only"],
      },
      ...permissions,
      ...settings,
      "deny-reauthorization": {
        kind: "boolean",
        about: "it cannot create tokens; requires an expiry",
      },
    },
    call: {
      method: "POST",
      path: "/auth/tokens",
      show: { as: "record", id: "token" },
    },
  },
  {
    words: "auth list",
    aliases: ["auth ls"],
    about: "your auth tokens",
    example: "auth list -o wide",
    flags: { all },
    call: {
      method: "GET",
      path: "/auth/tokens",
      show: {
        as: "list",
        items: null,
        columns,
        wide: [
          "allow_no_realm",
          "ip_whitelist",
          "last_used_ip",
          "created_by_token_id",
          "created_at",
        ],
      },
    },
  },
  {
    words: "auth get",
    about: "one auth token, without its secret",
    example: `auth get ${example}`,
    args: [tokenId],
    call: { method: "GET", path: "/auth/tokens/{id}", show: record },
  },
  {
    words: "auth get-current",
    about: "the calling token and its realms",
    example: "auth get-current",
    call: {
      method: "GET",
      path: "/auth/tokens/me",
      show: {
        as: "record",
        id: "token.id",
        fields: [
          "token.id",
          "token.alias",
          "token.expires_at",
          "restrictions.requires_realm_scope",
          "restrictions.allowed_realm_ids",
          "restrictions.allow_no_realm",
          "restrictions.active_realm_id",
          "token.permissions",
          "token.ip_whitelist",
        ],
      },
    },
  },
  {
    words: "auth templates",
    about: "what permission templates allow",
    example: "auth templates -o yaml",
    call: {
      method: "GET",
      path: "/auth/tokens/templates",
      show: {
        as: "list",
        items: null,
        columns: ["name", "description"],
        wide: ["permissions"],
        id: "name",
      },
    },
  },
  {
    words: "auth update",
    about: "change an auth token",
    example: `auth update ${example} --no-is-enabled`,
    args: [tokenId],
    flags: {
      alias: { kind: "text", about: "its name" },
      "is-enabled": { kind: "boolean", about: "--no-is-enabled suspends it" },
      ...permissions,
      ...settings,
    },
    call: { method: "PATCH", path: "/auth/tokens/{id}", show: record },
  },
  {
    words: "auth copy",
    about: "copy a token; the new secret is shown once",
    example: `auth copy ${example} --alias ci-2 --expires-at tomorrow`,
    args: [tokenId],
    flags: {
      alias: { kind: "text", about: "its name" },
      "expires-at": { kind: "time", about: "expiry", nullable: true },
      "otp-code": { kind: "text", about: "one-time code of your account", secret: true },
    },
    call: { method: "POST", path: "/auth/tokens/{id}/copy", show: { as: "record", id: "token" } },
  },
  {
    words: "auth delete",
    aliases: ["auth rm"],
    about: "delete an auth token; its next request is refused",
    example: `auth delete ${example}`,
    args: [tokenId],
    destroys: "the auth token",
    call: { method: "DELETE", path: "/auth/tokens/{id}", show: { as: "done" } },
  },
  ...(["add", "remove"] as const).map(
    (verb): Command => ({
      words: `auth realms ${verb}`,
      about:
        verb === "add"
          ? "add a realm to a token"
          : "remove a realm from a token; without any, it works in all realms",
      example: `auth realms ${verb} ${example} --realm-id 60d5f1f3a3b4f9c3e8a1b2c3`,
      args: [tokenId],
      flags: {
        "realm-id": {
          kind: "text",
          about: "the realm: id or name",
          placeholder: "realm",
          required: true,
          names: "realm",
        },
        "otp-code": { kind: "text", about: "one-time code of your account", secret: true },
      },
      call: { method: "POST", path: `/auth/tokens/{id}/${verb}-realm`, show: record },
    }),
  ),
  {
    words: "auth profile update",
    about: "change the public profile of the calling token",
    example: `auth profile update --public-storage '{"company": "Acme"}'`,
    flags: profile,
    call: { method: "PUT", path: "/auth/tokens/me/public-profile", show: record },
  },
  {
    words: "auth profile by-public-key",
    about: "the public profile of a token",
    example:
      "auth profile by-public-key 3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29",
    args: [{ name: "key", about: "64 hex digits" }],
    call: {
      method: "GET",
      path: "/auth/tokens/public-profiles/{key}",
      show: { as: "record", id: "public_key" },
    },
  },
  {
    words: "auth profile current",
    about: "the public profile of the calling token",
    example: "auth profile current",
    call: {
      method: "GET",
      path: "/auth/tokens/me",
      show: {
        as: "record",
        of: "token",
        fields: ["public_key", "public_storage"],
        id: "public_key",
      },
    },
  },
];
