// The settings of the database, a part of the table in settings.ts.
import type { Setting } from "./setting.ts";
import { readCount, readDatabaseUrl } from "./setting-readers.ts";

export const databaseSettings = {
  REALMGATE_DATABASE_URL: {
    group: "Data",
    default: "",
    unset: "`realmgate.sqlite` in the data directory",
    accepts: "`sqlite:PATH` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`",
    meaning: "sqlite:PATH or postgres://…; in the data directory when unset",
    about:
      "Path of the SQLite file, or a database of PostgreSQL 14 or later, which needs `REALMGATE_SECRET_KEY`; its tables are made in the schema `realmgate`.",
    read: readDatabaseUrl,
  },
  REALMGATE_DATABASE_POOL: {
    group: "Data",
    default: "10",
    accepts: "number",
    meaning: "connections to PostgreSQL at most",
    about:
      "Connections to PostgreSQL at most, for calls of the API and whole states. The feed has 4 more of its own, and one that hears of commits.",
    read: readCount,
  },
  REALMGATE_DATABASE_TIMEOUT_MS: {
    group: "Data",
    default: "5000",
    accepts: "number",
    meaning: "milliseconds that PostgreSQL has for a statement",
    about: "Milliseconds that PostgreSQL has for a connection, a lock or a statement.",
    read: readCount,
  },
} as const satisfies Record<`REALMGATE_${string}`, Setting<unknown>>;
