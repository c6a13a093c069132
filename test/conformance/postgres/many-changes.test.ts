// More changes than one statement reads.
import { afterAll, describe, expect, spyOn, test } from "bun:test";
import { Client } from "pg";
import { postgresBinaries, sayWithoutPostgres } from "../../harness/postgres-server.ts";
import { openPostgresPlace, postgres, stopPostgres } from "../../harness/postgres-store.ts";

if (postgresBinaries === null) sayWithoutPostgres();

const MANY = 2_500;

describe.skipIf(postgresBinaries === null)("changes in several pages", () => {
  afterAll(stopPostgres);

  test("come whole, in their order, each once, also for the proxies of one server", async () => {
    await using place = await openPostgresPlace(Date.now);
    const { id } = await place.store.registerServer("local");
    const { id: other } = await place.store.registerServer("other");
    const server = await postgres();
    // Of three revisions one is a project's, one a container's here, one a container's elsewhere.
    await server.query(
      place.url,
      `insert into realmgate.changes (revision, kind, entity_id, server_id, project_id)
       select n, case when n % 3 = 0 then 'project' else 'container' end, lpad(n::text, 24, '0'),
         case n % 3 when 0 then null when 1 then $1 else $2 end,
         case when n % 3 = 0 then null else lpad((n / 3 * 3)::text, 24, '0') end
       from generate_series(1, $3::int) as n`,
      [id, other, 3 * MANY],
    );
    await server.query(place.url, `update realmgate.revisions set value = ${3 * MANY}`);
    const idOf = (n: number) => `${n}`.padStart(24, "0");
    const every = (from: number) => Array.from({ length: MANY }, (_, n) => idOf(3 * n + from));
    const all = await place.store.changesAfter(0);
    expect(all.projects.map((each) => each.id)).toEqual(every(3));
    expect(all.containers.map((each) => each.id).toSorted()).toEqual(
      [...every(1), ...every(2)].toSorted(),
    );
    const here = await place.store.changesAfter(0, ["local"]);
    expect(here.containers.map((each) => each.id)).toEqual(every(1));
    const queries = spyOn(Client.prototype, "query");
    const late = await place.store.changesAfter(3 * MANY - 4, ["other"]);
    const texts = queries.mock.calls.map(([query]) => JSON.stringify(query));
    queries.mockRestore();
    // However many projects there are, one page has those that changed.
    expect(texts.filter((text) => text.includes("isHere") || text.includes("exists"))).toHaveLength(
      2,
    );
    expect(late.containers.map((each) => each.id)).toEqual([idOf(3 * MANY - 1)]);
    expect(late.projects.map((each) => each.id)).toEqual([idOf(3 * MANY - 3)]);
  });
});
