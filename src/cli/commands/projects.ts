import type { Command } from "../execution/command.ts";
import type { Flags } from "../flags/flag.ts";
import type { Show } from "../output/show.ts";
import { paging, project, projectId, realmFilter, realmIds } from "./flags.ts";

const record: Show = { as: "record" };

const settings: Flags = {
  color: { kind: "text", about: "#RRGGBB" },
  "max-containers": { kind: "integer", about: "maximum number of containers", nullable: true },
  "realm-ids": realmIds,
};

const level = {
  kind: "text",
  about: "permission level",
  choices: ["read", "edit", "delete"],
  required: true,
} as const;
const permissionId = {
  kind: "text",
  about: "the membership: its id, or the user name; for operators also the e-mail address",
  placeholder: "member",
  names: "member",
  goesTo: "path",
  required: true,
} as const;

/** The field that names a user. */
function named(user: unknown): Readonly<Record<string, string>> {
  if (typeof user !== "string") return {};
  if (/^[0-9a-f]{24}$/.test(user)) return { user_id: user };
  return user.includes("@") ? { email: user } : { username: user };
}

export const projectCommands: readonly Command[] = [
  {
    words: "projects create",
    about: "create a project",
    example: 'projects create --alias "production-api"',
    flags: { alias: { kind: "text", about: "its name", required: true }, ...settings },
    call: { method: "POST", path: "/projects", show: record },
  },
  {
    words: "projects list",
    aliases: ["projects ls"],
    about: "your projects and those you are a member of",
    example: "projects list --sort-by alias --sort-order asc",
    flags: {
      ...paging("created_at", "id", "alias", "updated_at"),
      alias: { kind: "text", about: "of this alias only" },
      "realm-id": realmFilter,
    },
    call: {
      method: "GET",
      path: "/projects",
      show: {
        as: "list",
        items: "projects",
        columns: ["id", "alias", "realm_ids", "max_containers", "created_at"],
        wide: ["color", "user_id", "is_default", "updated_at"],
      },
    },
  },
  {
    words: "projects get",
    about: "one project",
    example: "projects get shop --include-permissions",
    args: [projectId],
    flags: { "include-permissions": { kind: "boolean", about: "with its members" } },
    call: { method: "GET", path: "/projects/{id}", show: record },
  },
  {
    words: "projects update",
    about: "change a project",
    example: "projects update 67e89abc123def456789abcd --alias api --max-containers 20",
    args: [projectId],
    flags: {
      alias: { kind: "text", about: "its name, also when it stays", required: true },
      ...settings,
    },
    call: { method: "PUT", path: "/projects/{id}", show: record },
  },
  {
    words: "projects delete",
    aliases: ["projects rm"],
    about: "delete a project with all its containers",
    example: "projects delete 67e89abc123def456789abcd --include-deleted-items",
    args: [projectId],
    destroys: "the project and every container in it",
    flags: {
      "include-deleted-items": {
        kind: "boolean",
        about: "list the deleted containers",
        goesTo: "query",
      },
    },
    call: { method: "DELETE", path: "/projects/{id}", show: { as: "record", id: "deleted" } },
  },
  {
    words: "projects stats",
    about: "counts of a project",
    example: "projects stats 67e89abc123def456789abcd",
    args: [projectId],
    call: {
      method: "GET",
      path: "/projects/{id}/stats",
      show: { as: "record", of: "summary", id: "container_count" },
    },
  },
  {
    words: "projects permissions list",
    about: "members of a project",
    example: "projects permissions list --project 67e89abc123def456789abcd",
    flags: {
      project,
      ...paging("created_at", "id", "user_id", "permission_level", "updated_at"),
    },
    call: {
      method: "GET",
      path: "/projects/{project}/permissions",
      show: {
        as: "list",
        items: "permissions",
        columns: ["id", "user_id", "user.username", "permission_level", "created_at"],
        wide: ["user.alias", "updated_at"],
      },
    },
  },
  {
    words: "projects permissions create",
    aliases: ["projects permissions add"],
    about: "add a member",
    example:
      "projects permissions create --project 67e89abc123def456789abcd --user bob@example.com --permission-level edit",
    flags: {
      project,
      user: { kind: "text", about: "the user: id, user name or e-mail address", goesTo: "here" },
      "user-id": { kind: "text", about: "the user, by id", placeholder: "id" },
      "permission-level": level,
    },
    call: {
      method: "POST",
      path: "/projects/{project}/permissions",
      body: (body, { flags }) => ({ ...body, ...named(flags.get("user")) }),
      show: record,
    },
  },
  {
    words: "projects permissions update",
    about: "change a member's permission level",
    example:
      "projects permissions update --project shop --permission-id bob --permission-level read",
    flags: { project, "permission-id": permissionId, "permission-level": level },
    call: {
      method: "PUT",
      path: "/projects/{project}/permissions/{permission-id}",
      show: record,
    },
  },
  {
    words: "projects permissions delete",
    aliases: ["projects permissions rm"],
    about: "end a membership",
    example:
      "projects permissions delete --project 67e89abc123def456789abcd --permission-id 507f191e810c19729de860eb",
    destroys: "the membership",
    flags: { project, "permission-id": permissionId },
    call: {
      method: "DELETE",
      path: "/projects/{project}/permissions/{permission-id}",
      show: { as: "done" },
    },
  },
];
