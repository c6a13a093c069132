// Many containers at once, written straight into the database as one commit: the API would need minutes for them.
import { randomBytes } from "node:crypto";
import { fromJson } from "@bufbuild/protobuf";
import { Client } from "pg";
import { PermissionDocumentSchema } from "../../proto/gen/realmgate/v1/permissions_pb.ts";
import { SecretBox } from "../../src/admin/store/sealed.ts";
import { documentText } from "../../src/policy/document.ts";
import type { Installation } from "./drill.ts";

const PROJECT_CONTAINERS = 100;
const BATCH = 5_000;

export interface PopulationOptions {
  readonly server: string;
  readonly count: number;
  /** Different documents: some 360 bytes each. */
  readonly documents: number;
}

function textOf(n: number): string {
  const json = {
    groups: {
      office: { type: "ip", range: `10.${(n >> 8) & 255}.${n & 255}.0/24` },
      partners: { type: "token", value: `token-${n}`.padEnd(40, "x"), header: "X-Api-Token" },
      staff: {
        type: "jwt",
        secret: `secret-${n}`.padEnd(40, "x"),
        sources: ["header:Authorization"],
      },
    },
    permissions: { office: { terminal: true, files: true }, partners: { http: [3000, 8080] } },
    default: "deny",
  };
  return documentText(fromJson(PermissionDocumentSchema, json));
}

/** Answers the revision of the commit. */
export async function populate(
  { cluster, places }: Installation,
  { server, count, documents }: PopulationOptions,
): Promise<number> {
  const box = new SecretBox(Buffer.from(cluster.secretKey, "base64"), "documents");
  const texts = Array.from({ length: documents }, (_, n) => Buffer.from(textOf(n)));
  const client = new Client({ connectionString: cluster.databaseUrl });
  await client.connect();
  try {
    await client.query("begin");
    const locked = await client.query("select value from realmgate.revisions for update");
    let revision = Number(locked.rows[0]?.value);
    const changed = async (kind: string, ids: readonly string[], projects: readonly string[]) => {
      const numbers = ids.map(() => ++revision);
      await client.query(
        `insert into realmgate.changes (revision, kind, entity_id, server_id, project_id)
         select made.revision, $1, made.id, $2, made.project
         from unnest($3::bigint[], $4::text[], $5::text[]) as made (revision, id, project)`,
        [kind, kind === "container" ? places.servers.get(server) : null, numbers, ids, projects],
      );
    };
    const newIds = (n: number) => Array.from({ length: n }, () => randomBytes(12).toString("hex"));
    const projects = newIds(Math.ceil(count / PROJECT_CONTAINERS));
    await client.query(
      `insert into realmgate.projects (id, user_id, alias, color, created_at, updated_at)
       select id, (select min(id) from realmgate.users), 'many-' || id, '#000000', '2026', '2026' from unnest($1::text[]) as id`,
      [projects],
    );
    await changed("project", projects, projects);
    for (let from = 0; from < count; from += BATCH) {
      const ids = newIds(Math.min(BATCH, count - from));
      const owners = ids.map((_, n) => projects[Math.floor((from + n) / PROJECT_CONTAINERS)] ?? "");
      const bodies = ids.map((id, n) =>
        box.seal(texts[(from + n) % texts.length] ?? Buffer.alloc(0), `document/container/${id}/1`),
      );
      await client.query(
        `insert into realmgate.containers (id, project_id, server_id, name, color, status, address, programs, created_at, updated_at)
         select made.id, made.project, $1, made.id, '#000000', 'running', '127.0.0.1', '{"terminal":{"port":7681,"stride":0}}', '2026', '2026'
         from unnest($2::text[], $3::text[]) as made (id, project)`,
        [places.servers.get(server), ids, owners],
      );
      await client.query(
        `insert into realmgate.documents (kind, owner_id, version, enable_proxy, body)
         select 'container', made.id, 1, true, made.body from unnest($1::text[], $2::bytea[]) as made (id, body)`,
        [ids, bodies],
      );
      await changed("container", ids, owners);
    }
    await client.query("update realmgate.revisions set value = $1", [revision]);
    await client.query("commit");
    return revision;
  } finally {
    await client.end();
  }
}
