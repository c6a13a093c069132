// The audit trail: what was done, by whom, and what was refused.
import type { Command } from "../execution/command.ts";
import type { Flags } from "../flags/flag.ts";
import type { Show } from "../output/show.ts";
import { all, id, realmFilter } from "./flags.ts";

const filters: Flags = {
  kind: { kind: "text", about: "a kind, or all below it: proxy.permissions" },
  since: { kind: "text", about: "from then on: ISO 8601 in UTC", placeholder: "time" },
  until: { kind: "text", about: "before then", placeholder: "time" },
  "event-type": { kind: "text", about: "the same as --kind", placeholder: "kind" },
  "start-date": { kind: "text", about: "the same as --since", placeholder: "time" },
  "end-date": { kind: "text", about: "the same as --until", placeholder: "time" },
  "realm-id": realmFilter,
};

const resources: Flags = {
  "actor-id": {
    kind: "text",
    about: "by this user: id, user name or e-mail address",
    placeholder: "user",
    names: "user",
  },
  "resource-type": {
    kind: "text",
    about: "about things of this type: project, container, proxy_permissions, proxy_alias, …",
    placeholder: "type",
  },
  "resource-id": {
    kind: "text",
    about: "about this project, container, user, auth token or alias: id or name",
    placeholder: "resource",
    names: "resource",
  },
  "container-id": {
    kind: "text",
    about: "about this container or one of its aliases: id, name or project/name",
    placeholder: "container",
    names: "container",
  },
  "project-id": {
    kind: "text",
    about: "in this project: id or alias",
    placeholder: "project",
    names: "project",
  },
};

const pages = (limit: number): Flags => ({
  page: { kind: "integer", about: "page number, from 1" },
  limit: { kind: "integer", about: `entries per page, up to ${limit}` },
  all,
  "sort-order": { kind: "text", about: "direction", choices: ["asc", "desc"] },
});

const calls: Flags = {
  "errors-only": { kind: "boolean", about: "only what was refused" },
  "min-status": { kind: "integer", about: "answered with this HTTP status, or a greater one" },
  "max-status": { kind: "integer", about: "answered with this HTTP status, or a lesser one" },
  method: {
    kind: "text",
    about: "calls of this HTTP method",
    choices: ["GET", "POST", "PUT", "PATCH", "DELETE"],
  },
};

const list = (items: string | null): Show => ({
  as: "list",
  items,
  columns: ["created_at", "kind", "actor.username", "resource_type", "resource_id", "code"],
  wide: ["id", "fields", "client_ip", "token_id", "request_id", "version_before", "version_after"],
});
const stats: Show = { as: "record", id: "total" };

export const eventCommands: readonly Command[] = [
  {
    words: "events list",
    aliases: ["events ls"],
    about: "what was done and refused, newest first",
    example: "events list --kind proxy.permissions --resource-id shop/box-1",
    flags: {
      ...pages(500),
      offset: { kind: "integer", about: "events to skip, in place of --page" },
      "sort-by": { kind: "text", about: "sort field", choices: ["created_at", "event_type"] },
      ...filters,
      ...resources,
    },
    call: { method: "GET", path: "/events", show: list("events") },
  },
  {
    words: "events get",
    about: "one event",
    example: "events get 507f191e810c19729de860ea",
    args: [id],
    call: { method: "GET", path: "/events/{id}", show: { as: "record" } },
  },
  {
    words: "events stats",
    about: "how many events there are of each kind",
    example: "events stats --since 2026-01-01",
    flags: { ...filters, ...resources },
    call: { method: "GET", path: "/events/stats", show: stats },
  },
  {
    words: "activity logs",
    aliases: ["activity list"],
    about: "what your account did, and what was done with it: logins, failed ones, tokens",
    example: "activity logs --kind auth",
    flags: { ...pages(100), ...filters, ...calls },
    call: { method: "GET", path: "/users/auth/activity", show: list(null) },
  },
  {
    words: "activity stats",
    about: "how much of it there is of each kind",
    example: "activity stats",
    flags: filters,
    call: { method: "GET", path: "/users/auth/activity/stats", show: stats },
  },
];
