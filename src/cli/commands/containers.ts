import type { Command } from "../execution/command.ts";
import { programAddress } from "../execution/program-address.ts";
import { requiredContainer } from "../execution/required-container.ts";
import type { Flags } from "../flags/flag.ts";
import { fieldAt } from "../output/cell.ts";
import type { Show } from "../output/show.ts";
import { safeText } from "../terminal/safe-text.ts";
import { containerId, oneContainer, paging, project, realmFilter, realmIds } from "./flags.ts";

const record: Show = { as: "record" };

const operations = ["start", "stop", "force-stop", "restart", "pause", "resume"] as const;

const upstream: Flags = {
  address: {
    kind: "text",
    about: "address that the gate dials (operators)",
    placeholder: "ip",
    nullable: true,
  },
  programs: {
    kind: "json-map",
    about:
      'port of a program, terminal=7681, or with more: terminal=\'{"port":7681,"stride":1}\', ' +
      'http=\'{"host":"upstream","response_timeout_s":300}\', api=\'{"port":50051,"protocol":"h2c"}\'',
    placeholder: "program=port",
  },
};

/** Attributes that the gate stores without using them. */
const kept: Flags = {
  ai: { kind: "boolean", about: "with the AI kit" },
  autostart: { kind: "boolean", about: "starts with its server" },
  "environment-vars": {
    kind: "text-map",
    about: "environment of its programs",
    placeholder: "name=text",
  },
};

const included: Flags = {
  runtime: { kind: "boolean", about: "with what its server says" },
  "include-proxy-domains": { kind: "boolean", about: "with its aliases" },
  "include-proxy-permissions": {
    kind: "boolean",
    about: "with its permission documents, credentials included",
  },
};

/** A number is the port that all instances of the program share. */
function withPorts(body: Readonly<Record<string, unknown>>): unknown {
  const { programs } = body;
  if (typeof programs !== "object" || programs === null) return body;
  const entries = Object.entries(programs).map(([name, value]) => [
    name,
    typeof value === "number" ? { port: value } : value,
  ]);
  return { ...body, programs: Object.fromEntries(entries) };
}

export const containerCommands: readonly Command[] = [
  {
    words: "containers create",
    about: "create a container in a project",
    example: 'containers create --project $PROJECT_ID --name "api-server" --hoody-kit',
    flags: {
      project,
      "server-id": {
        kind: "text",
        about: "its server: id or name; optional when there is only one",
        placeholder: "server",
        names: "server",
      },
      name: { kind: "text", about: "letters, digits, - and _; default: random" },
      "hoody-kit": { kind: "boolean", about: "with the kit of programs" },
      color: { kind: "text", about: "#RRGGBB" },
      comment: { kind: "text", about: "a note" },
      "realm-ids": realmIds,
      ...upstream,
      ...kept,
      "container-image": { kind: "text", about: "its image" },
      "ssh-public-key": { kind: "text", about: "public key for ssh" },
      "dev-kit": { kind: "boolean", about: "with the development kit" },
      kvm: { kind: "boolean", about: "with virtual machines" },
      "dev-kvm": { kind: "boolean", about: "with virtual machines for development" },
      prespawn: { kind: "boolean", about: "prespawn it" },
      "bypass-prespawn": { kind: "boolean", about: "do not take a prespawned one" },
      ramdisk: { kind: "json", about: "its memory disk" },
      cache: { kind: "json", about: "its cache" },
      "cache-image": { kind: "json", about: "whether its image is cached" },
    },
    call: {
      method: "POST",
      path: "/projects/{project}/containers",
      body: withPorts,
      show: record,
    },
  },
  {
    words: "containers list",
    aliases: ["ps", "containers ls"],
    about: "containers",
    example: "containers list --project $PROJECT_ID -o wide",
    flags: {
      project: {
        kind: "text",
        about: "of this project only: id or alias",
        placeholder: "project",
        names: "project",
        field: "project_id",
      },
      ...paging("created_at", "id", "name", "status", "updated_at"),
      name: { kind: "text", about: "of this name only" },
      "realm-id": realmFilter,
      ...included,
      "include-prespawn": { kind: "boolean", about: "with prespawned ones" },
      "include-expired": { kind: "boolean", about: "with those of expired servers" },
      "include-deleting": { kind: "boolean", about: "with those being deleted" },
    },
    call: {
      method: "GET",
      path: "/containers",
      show: {
        as: "list",
        items: "containers",
        columns: [
          "id",
          "name",
          "status",
          "project_alias",
          "server_name",
          "proxy_permissions_scope",
        ],
        wide: ["project_id", "realm_ids", "address", "programs", "created_at", "comment"],
      },
    },
  },
  {
    words: "containers get",
    about: "one container",
    example: "containers get 890abcdef12345678901cdef --include-proxy-domains",
    args: [containerId],
    flags: included,
    call: { method: "GET", path: "/containers/{id}", show: record },
  },
  {
    words: "containers update",
    about: "change a container",
    example: 'containers update 890abcdef12345678901cdef --comment "moves on Friday"',
    args: [containerId],
    flags: {
      name: { kind: "text", about: "its name" },
      color: { kind: "text", about: "#RRGGBB" },
      comment: { kind: "text", about: "a note", nullable: true },
      "realm-ids": realmIds,
      ...kept,
      "ssh-public-key": { kind: "text", about: "public key for ssh", nullable: true },
      ramdisk: { kind: "json", about: "its memory disk" },
      "ramdisk-size": { kind: "json", about: "size of its memory disk" },
    },
    call: { method: "PATCH", path: "/containers/{id}", show: record },
  },
  {
    words: "containers delete",
    aliases: ["containers rm"],
    about: "delete a container",
    example: "containers delete 890abcdef12345678901cdef --yes",
    args: [oneContainer],
    destroys: "the container",
    call: { method: "DELETE", path: "/containers/{id}", show: { as: "done" } },
  },
  {
    words: "containers manage",
    aliases: ["manage"],
    about: "start, stop, pause a container",
    example: "containers manage 890abcdef12345678901cdef restart",
    args: [oneContainer, { name: "operation", about: "what to do", choices: operations }],
    call: {
      method: "POST",
      path: "/containers/{id}/{operation}",
      show: { as: "record", id: "container_id" },
    },
  },
  {
    words: "containers status-logs",
    aliases: ["status-logs"],
    about: "when a container changed its status, and why",
    example: "containers status-logs 890abcdef12345678901cdef --limit 5",
    args: [containerId],
    flags: paging("transition_time", "created_at", "to_status", "from_status"),
    call: {
      method: "GET",
      path: "/containers/{id}/status-logs",
      show: {
        as: "list",
        items: "logs",
        columns: ["transition_time", "from_status", "to_status", "triggered_by", "duration_ms"],
        wide: ["id", "metadata"],
      },
    },
  },
  {
    words: "containers upstream set",
    about: "set the address that the gate dials for a container (operators)",
    example:
      "containers upstream set 890abcdef12345678901cdef --address 10.0.3.7 --programs terminal=7681",
    args: [containerId],
    flags: upstream,
    call: { method: "PUT", path: "/containers/{id}/upstream", body: withPorts, show: record },
  },
  {
    words: "containers url",
    about: "print the URL of a container's program",
    example: "containers url 890abcdef12345678901cdef --program http --instance 3000",
    args: [containerId],
    flags: {
      program: { kind: "text", about: "program: terminal, http, …", required: true },
      instance: { kind: "integer", about: "instance; of http the port" },
    },
    run: async (context, { args, flags }) => {
      const id = requiredContainer(args.get("id") ?? context.settings.container);
      const url = await programAddress(
        context,
        id,
        String(flags.get("program")),
        flags.get("instance") as number | undefined,
      );
      context.show(
        { as: "text", text: (data) => [safeText(String(fieldAt(data, "url")))], id: "url" },
        { data: { url }, raw: url },
      );
    },
  },
];
