// The audit trail: what was done, by whom, and what was refused.
import type { Command } from "../execution/command.ts";
import type { Flags } from "../flags/flag.ts";
import type { Show } from "../output/show.ts";
import { all, id, realmFilter } from "./flags.ts";

const filters: Flags = {
  kind: { kind: "text", about: "a kind, or all below it: proxy.permissions" },
  since: { kind: "text", about: "from then on: ISO 8601 in UTC", placeholder: "time" },
  until: { kind: "text", about: "before then", placeholder: "time" },
  "realm-id": realmFilter,
};

const resources: Flags = {
  "actor-id": {
    kind: "text",
    about: "by this user: id, user name or e-mail address",
    placeholder: "user",
    names: "user",
  },
  "resource-id": { kind: "text", about: "about this project, container, …", placeholder: "id" },
  "project-id": {
    kind: "text",
    about: "in this project: id or alias",
    placeholder: "project",
    names: "project",
  },
};

const pages: Flags = {
  page: { kind: "integer", about: "page number, from 1" },
  limit: { kind: "integer", about: "entries per page, up to 100" },
  all,
  "sort-order": { kind: "text", about: "direction", choices: ["asc", "desc"] },
};

const list = (items: string): Show => ({
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
    example: "events list --kind proxy.permissions --resource-id 890abcdef12345678901cdef",
    flags: { ...pages, ...filters, ...resources },
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
    about: "what your account did, and what was done with it: logins, failed ones, tokens",
    example: "activity logs --kind auth",
    flags: { ...pages, ...filters },
    call: { method: "GET", path: "/users/auth/activity", show: list("logs") },
  },
  {
    words: "activity stats",
    about: "how much of it there is of each kind",
    example: "activity stats",
    flags: filters,
    call: { method: "GET", path: "/users/auth/activity/stats", show: stats },
  },
];
