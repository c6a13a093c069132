// Counters that all control planes share. Nothing waits for the disk: the table is unlogged.
import { sql } from "drizzle-orm";
import type { LimitStore } from "../store.ts";
import type { Database } from "./database.ts";
import { limits } from "./node-tables.ts";

export function limitStore(db: Database): LimitStore {
  return {
    async countShared(key: string, windowS: number) {
      const now = Date.parse(db.timestamp()) / 1000;
      const end = now + windowS;
      // Those that are over go meanwhile, but for rows that another call counts at: two calls would wait for each other.
      const { rows } = await db.reader.execute(sql`
        with old as (delete from ${limits} where key in (
          select key from ${limits} where until <= ${now} and key <> ${key} for update skip locked))
        insert into ${limits} as present (key, used, since, until) values (${key}, 1, ${now}, ${end})
        on conflict (key) do update set
          used = case when present.until <= ${now} then 1 else present.used + 1 end,
          since = case when present.until <= ${now} then ${now} else present.since end,
          until = case when present.until <= ${now} then ${end} else present.until end
        returning used, until`);
      return { used: Number(rows[0]?.used), endS: Number(rows[0]?.until) };
    },
  };
}
