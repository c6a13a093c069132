import type { Command } from "../execution/command.ts";
import type { Flags } from "../flags/flag.ts";
import type { Show } from "../output/show.ts";
import { id } from "./flags.ts";
import { tokenLeaves } from "./token-leaves.ts";

const record: Show = { as: "record" };
const example = "507f191e810c19729de860ed";

/** `--permissions-containers-actions-start`, one flag a leaf; the help has them in one line. */
const leafFlags: Flags = Object.fromEntries(
  tokenLeaves.map((leaf) => [
    `permissions-${leaf.replaceAll(/[._]/g, "-")}`,
    { kind: "boolean", about: leaf, field: `permissions.${leaf}`, hidden: true },
  ]),
);

const permissions: Flags = {
  permissions: {
    kind: "json",
    about: "what it may do, as a tree; a leaf alone is --permissions-containers-read, and so on",
  },
  ...leafFlags,
};

const profile: Flags = {
  "public-key": { kind: "text", about: "ED25519, 64 hex digits", nullable: true },
  "public-storage": { kind: "json", about: "what everybody may see", nullable: true },
};

const settings: Flags = {
  "expires-at": {
    kind: "time",
    about: "when it ends: ISO 8601, seconds since 1970, today, tomorrow",
    nullable: true,
  },
  "ip-whitelist": { kind: "list", about: "from where it may be used", placeholder: "cidr,cidr" },
  "realm-ids": { kind: "list", about: "realms it may be used in", placeholder: "id,id" },
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
    about: "make an auth token; it is shown once",
    example:
      'auth create --alias "ci-staging-deploy" --expires-at tomorrow --realm-ids "60d5f1f3a3b4f9c3e8a1b2c3" --no-allow-no-realm',
    flags: {
      alias: { kind: "text", about: "its name; random when it is not there" },
      "permission-template": {
        kind: "text",
        about: "what it may do, by name",
        choices: ["full_access", "external_customer", "dev_team", "finance_team", "read_only"],
      },
      ...permissions,
      ...settings,
      "deny-reauthorization": { kind: "boolean", about: "it makes no tokens; it needs an end" },
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
    args: [id],
    call: { method: "GET", path: "/auth/tokens/{id}", show: record },
  },
  {
    words: "auth get-current",
    about: "the token that calls, and the realms it works in",
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
    args: [id],
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
    about: "make a token like another; it is shown once",
    example: `auth copy ${example} --alias ci-2 --expires-at tomorrow`,
    args: [id],
    flags: {
      alias: { kind: "text", about: "its name" },
      "expires-at": { kind: "time", about: "when it ends", nullable: true },
      "otp-code": { kind: "text", about: "one-time code of your account", secret: true },
    },
    call: { method: "POST", path: "/auth/tokens/{id}/copy", show: { as: "record", id: "token" } },
  },
  {
    words: "auth delete",
    aliases: ["auth rm"],
    about: "delete an auth token; it ends with the next request",
    example: `auth delete ${example}`,
    args: [id],
    destroys: "the auth token",
    call: { method: "DELETE", path: "/auth/tokens/{id}", show: { as: "done" } },
  },
  ...(["add", "remove"] as const).map(
    (verb): Command => ({
      words: `auth realms ${verb}`,
      about:
        verb === "add"
          ? "let a token into a realm"
          : "take a realm from a token; none left: all realms",
      example: `auth realms ${verb} ${example} --realm-id 60d5f1f3a3b4f9c3e8a1b2c3`,
      args: [id],
      flags: {
        "realm-id": { kind: "text", about: "the realm", placeholder: "id", required: true },
        "otp-code": { kind: "text", about: "one-time code of your account", secret: true },
      },
      call: { method: "POST", path: `/auth/tokens/{id}/${verb}-realm`, show: record },
    }),
  ),
  {
    words: "auth profile update",
    about: "change what everybody sees of the token that calls",
    example: `auth profile update --public-storage '{"company": "Acme"}'`,
    flags: profile,
    call: { method: "PUT", path: "/auth/tokens/me/public-profile", show: record },
  },
  {
    words: "auth profile by-public-key",
    about: "what everybody sees of a token",
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
    about: "the public profile of the token that calls",
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
